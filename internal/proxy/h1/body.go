package h1

import (
	"bytes"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// Body takes one message's body after another out of its framing. The zero value
// is a body that has ended. It keeps no payload: what it is shown and counts as
// payload is the caller's.
type Body struct {
	head       *message.Head
	kind       message.Body
	at         bodyStage
	left       int64 // payload to come: of a Sized body, or of the current chunk
	extensions int   // bytes of chunk extensions that may still come
	trailer    int   // bytes of trailers that may still come
	fields     int   // trailer lines that may still come
	trailers   []message.Field
}

// bodyStage is what comes next.
type bodyStage uint8

const (
	atBodyEnd bodyStage = iota
	atPayload
	atChunkSize
	atChunkEnd
	atTrailer
)

// Limits of a chunked body.
const (
	maxExtensions = 4 << 10 // bytes, of all chunks' extensions
	maxTrailers   = 64      // trailer lines
	keepTrailers  = 16      // fields whose memory is kept from body to body
)

// Start begins with the body that h tells of. Trailers may have maxTrailer bytes;
// they are copied into h's arena.
func (b *Body) Start(h *message.Head, maxTrailer int) {
	trailers := b.trailers[:0]
	if cap(trailers) > keepTrailers {
		trailers = nil
	}
	*b = Body{head: h, kind: h.Body, trailers: trailers}
	switch h.Body {
	case message.Sized:
		b.left = h.Length
		if b.left > 0 {
			b.at = atPayload
		}
	case message.Streamed:
		b.at, b.extensions, b.trailer, b.fields = atChunkSize, maxExtensions, maxTrailer, maxTrailers
	case message.UntilClose:
		b.at = atPayload
	default:
	}
}

// Next reads on. Of src, the first skip bytes are framing, the data bytes after
// them payload, and both count as consumed; what follows belongs to the next
// call. A caller that has no room for all of src shows less of it. done: the body
// has ended after them, and Trailers has the trailers. When skip and data are
// zero and done is false, src has to grow: at most by a chunk's size line (under
// 300 bytes) or a trailer. An error is an [*Error].
func (b *Body) Next(src []byte) (skip, data int, done bool, err error) {
	for b.at != atBodyEnd {
		if b.at == atPayload {
			data = b.payload(len(src) - skip)
			return skip, data, b.at == atBodyEnd, nil
		}
		n, err := b.framing(src[skip:])
		if err != nil {
			return 0, 0, false, err
		}
		if n == 0 {
			return skip, 0, false, nil
		}
		skip += n
	}
	return skip, 0, true, nil
}

// Remaining is how many bytes of payload follow before anything else, if that is
// known: the rest of a Sized body or of the current chunk. A driver may read so
// many bytes straight to where they belong, and tells by Skip. It is 0 where
// framing follows or nothing, and -1 if all is payload up to the connection's end.
func (b *Body) Remaining() int64 {
	switch {
	case b.at != atPayload:
		return 0
	case b.kind == message.UntilClose:
		return -1
	default:
		return b.left
	}
}

// Skip tells that n bytes of payload, at most Remaining, were read past Next.
func (b *Body) Skip(n int) {
	if r := b.Remaining(); r >= 0 && int64(n) > r {
		panic("h1: more skipped than remains")
	}
	if b.at == atPayload {
		b.payload(n)
	}
}

// Done reports whether the body has ended.
func (b *Body) Done() bool { return b.at == atBodyEnd }

// EOF tells that the connection has ended, and is an error if the body has not:
// only one that lasts until then is whole.
func (b *Body) EOF() error {
	if b.at != atBodyEnd && b.kind != message.UntilClose {
		return errCut
	}
	b.at = atBodyEnd
	return nil
}

// Trailers are the trailers that may be passed on, once the body has ended. They
// are valid until the Head that Start was given is reset, or Start is called.
func (b *Body) Trailers() []message.Field { return b.trailers }

// payload consumes up to n bytes of payload.
func (b *Body) payload(n int) int {
	if b.kind == message.UntilClose {
		return n
	}
	n = int(min(int64(n), b.left))
	b.left -= int64(n)
	switch {
	case b.left > 0:
	case b.kind == message.Sized:
		b.at = atBodyEnd
	default:
		b.at = atChunkEnd
	}
	return n
}

// framing reads one piece of framing; n == 0: it is not there as a whole.
func (b *Body) framing(src []byte) (n int, err error) {
	switch b.at {
	case atChunkSize:
		n, size, extension, err := chunkSize(src)
		if n == 0 || err != nil {
			return 0, err
		}
		if b.extensions -= extension; b.extensions < 0 {
			return 0, errExtensions
		}
		b.left, b.at = size, atPayload
		if size == 0 {
			b.at = atTrailer
		}
		return n, nil
	case atChunkEnd:
		switch {
		case len(src) > 0 && src[0] != '\r', len(src) > 1 && src[1] != '\n':
			return 0, errChunkEnd
		case len(src) < 2:
			return 0, nil
		}
		b.at = atChunkSize
		return 2, nil
	default:
		return b.trailerLine(src)
	}
}

// trailerLine reads a line of the trailers, or the empty one that ends them.
func (b *Body) trailerLine(src []byte) (n int, err error) {
	if len(src) > 0 && src[0] == '\r' {
		switch {
		case len(src) == 1:
			return 0, nil
		case src[1] != '\n':
			return 0, errBareCR
		}
		b.at = atBodyEnd
		return 2, nil
	}
	n = bytes.IndexByte(src[:min(len(src), b.trailer)], '\n') + 1
	switch {
	case n == 0 && len(src) > b.trailer:
		return 0, errTrailersLong
	case n == 0:
		return 0, nil
	}
	b.trailer -= n
	if b.fields--; b.fields < 0 {
		return 0, errManyTrailers
	}
	name, value, _, err := fieldLine(src[:n])
	if err != nil {
		return 0, err
	}
	if id := message.Identify(name); message.MayTrail(id, name) {
		b.trailers = append(b.trailers, message.Field{Name: b.head.Take(name), Value: b.head.Take(value), ID: id})
	}
	return n, nil
}
