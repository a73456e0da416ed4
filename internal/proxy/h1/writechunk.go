package h1

import (
	"strconv"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// ReservedChunk is how many bytes BeginChunk appends; EndChunk appends 2.
const ReservedChunk = len("00000000\r\n")

// AppendChunk appends p as a chunk; nothing if p is empty, as an empty chunk
// would end the body.
func AppendChunk(dst, p []byte) []byte {
	if len(p) == 0 {
		return dst
	}
	dst = AppendChunkHeader(dst, len(p))
	dst = append(dst, p...)
	return append(dst, "\r\n"...)
}

// AppendChunkHeader appends the size line of a chunk of n bytes, n > 0. The
// payload and "\r\n" have to follow.
func AppendChunkHeader(dst []byte, n int) []byte {
	dst = strconv.AppendUint(dst, uint64(n), 16)
	return append(dst, "\r\n"...)
}

// AppendLastChunk appends the end of a chunked body, with its trailers.
func AppendLastChunk(dst []byte, trailers []message.Field) []byte {
	dst = append(dst, "0\r\n"...)
	dst = appendFields(dst, trailers)
	return append(dst, "\r\n"...)
}

// BeginChunk appends room for the size line of a chunk that is not there yet:
// what is appended after it, or read into dst's free room, is payload until
// EndChunk. The size has leading zeros, which the grammar allows.
func BeginChunk(dst []byte) []byte { return append(dst, "00000000\r\n"...) }

// EndChunk ends the chunk for which BeginChunk was called when len(dst) was at.
// A chunk without payload is taken back. One of 4 GiB or more panics.
func EndChunk(dst []byte, at int) []byte {
	const digits = "0123456789abcdef"
	n := uint64(len(dst) - at - ReservedChunk)
	if n == 0 {
		return dst[:at]
	}
	if n>>32 != 0 {
		panic("h1: chunk of 4 GiB or more")
	}
	for i := 7; i >= 0; i-- {
		dst[at+i] = digits[n&0xf]
		n >>= 4
	}
	return append(dst, "\r\n"...)
}
