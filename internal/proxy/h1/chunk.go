package h1

import (
	"bytes"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

const (
	maxSizeDigits     = 16
	maxChunk          = 1 << 60 // bytes of payload
	maxChunkExtension = 256     // bytes, with the semicolon
)

// chunkSize reads a chunk's first line (RFC 9112, 7.1); n == 0: it is not whole.
// extension is the length of its extensions. White space is in no place allowed.
func chunkSize(src []byte) (n int, size int64, extension int, err error) {
	for n < len(src) && class[src[n]]&hexChar != 0 {
		if n == maxSizeDigits {
			return 0, 0, 0, errChunkSize
		}
		size = size<<4 | int64(unhex(src[n]))
		if size > maxChunk || size < 0 {
			return 0, 0, 0, errChunkTooBig
		}
		n++
	}
	switch {
	case n == len(src):
		return 0, 0, 0, nil
	case n == 0:
		return 0, 0, 0, errChunkSize
	case src[n] == ';':
		extension, err = chunkExtension(src[n:])
		if extension == 0 || err != nil {
			return 0, 0, 0, err
		}
		n += extension
	}
	switch {
	case src[n] == '\n':
		return 0, 0, 0, errBareLF
	case src[n] != '\r':
		return 0, 0, 0, errChunkSize
	case n+1 == len(src):
		return 0, 0, 0, nil
	case src[n+1] != '\n':
		return 0, 0, 0, errBareCR
	}
	return n + 2, size, extension, nil
}

// unhex is the value of a hexadecimal digit.
func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// chunkExtension is the length of the extensions that src starts with, up to the
// line's end; 0: that is not there. They are checked, and mean nothing to us.
func chunkExtension(src []byte) (int, error) {
	window := src[:min(len(src), maxChunkExtension+len("\r\n"))]
	n := bytes.IndexByte(window, '\n')
	switch {
	case n < 0 && len(window) < len(src):
		return 0, errExtensions
	case n < 0:
		return 0, nil
	case src[n-1] != '\r':
		return 0, errBareLF
	case !validExtension(src[:n-1]):
		return 0, errExtension
	}
	return n - 1, nil
}

// validExtension checks for *( ";" name [ "=" value ] ), without white space
// (RFC 9112, 7.1.1).
func validExtension(b []byte) bool {
	for len(b) > 0 {
		if b[0] != ';' {
			return false
		}
		n := tokenLen(b[1:])
		if n == 0 {
			return false
		}
		b = b[1+n:]
		if len(b) == 0 || b[0] != '=' {
			continue
		}
		b = b[1:]
		if n = max(tokenLen(b), quotedLen(b)); n == 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

// tokenLen is the length of the token that b starts with; 0: there is none.
func tokenLen(b []byte) int {
	n := 0
	for n < len(b) && class[b[n]]&tokenChar != 0 {
		n++
	}
	return n
}

// quotedLen is the length of the quoted string that b starts with; 0: there is none.
func quotedLen(b []byte) int {
	if len(b) == 0 || b[0] != '"' {
		return 0
	}
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c == '\\' && i+1 < len(b) && b[i+1] >= ' ' && b[i+1] <= '~':
			i++
		case class[c]&quotedChar == 0:
			return 0
		}
	}
	return 0
}

// trails are the known fields that may be trailers: none that frames, routes,
// identifies or says what the content is (RFC 9110, 6.5.1), so few.
var trails = [256]bool{message.Other: true, message.ETag: true, message.GrpcMessage: true, message.GrpcStatus: true}

// untrailing are fields without an ID that may not be trailers.
var untrailing = [...]string{
	"content-encoding", "content-range", "content-language", "content-location", "max-forwards", "set-cookie2",
	"if-match", "if-range", "if-unmodified-since", "strict-transport-security", "x-http-method-override",
}

// ours starts the names that only the data plane sets.
var ours = [...]string{"banyan-", "x-forwarded-"}

// mayTrail reports whether a trailer is passed on. One with an underscore is not:
// CGI-like servers would take it for another.
func mayTrail(id message.ID, name []byte) bool {
	if !trails[id] {
		return false
	}
	if id != message.Other {
		return true
	}
	if bytes.IndexByte(name, '_') >= 0 {
		return false
	}
	for _, s := range untrailing {
		if message.EqualFold(name, s) {
			return false
		}
	}
	for _, prefix := range ours {
		if len(name) >= len(prefix) && message.EqualFold(name[:len(prefix)], prefix) {
			return false
		}
	}
	return true
}
