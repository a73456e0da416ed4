package proxy

import (
	"errors"

	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/message"
)

// replayLimit is how much of a body is kept to send it again, in bytes.
const replayLimit = 64 << 10

var errBodyTooLarge = errors.New("body too large")

// bodyError is why the client's body could not be read.
type bodyError struct{ error }

func (e bodyError) Unwrap() error { return e.error }

// requestBody is the client's body on its way to one instance, or to several
// after each other: the first replayLimit bytes are kept while it may have to be
// sent again.
type requestBody struct {
	x     *exchange
	none  bool
	keep  bool  // it may have to be sent again
	lost  bool  // more than replayLimit was taken: it cannot be sent again
	ended bool  // all of it was taken from the client
	taken int64 // from the client
	kept  []byte

	at   int  // of kept, what the present try was sent
	over bool // the present try was sent all
}

func (b *requestBody) reset() {
	kept := b.kept[:0]
	if cap(kept) > replayLimit/4 {
		kept = nil
	}
	*b = requestBody{kept: kept}
}

func (b *requestBody) begin(x *exchange) {
	b.x = x
	b.none = x.req.Body == message.None
	b.ended = b.none
	p := &x.edg.policy
	b.keep = x.mirror != nil || x.edg.fallback != nil || (p.Retries > 0 || p.Hedge != nil) && idempotent(x.req.Method)
	b.lost = !b.keep
}

// attempt begins anew, for another try.
func (b *requestBody) attempt() { b.at, b.over = 0, b.none }

// replayable reports whether the whole body can be sent to another instance.
func (b *requestBody) replayable() bool { return !b.lost || b.taken == 0 }

// push moves to up what can be moved now, and reports whether it moved anything.
func (b *requestBody) push(up upstream) (moved bool, err error) {
	for !b.over {
		room := up.room()
		if room == 0 {
			return moved, nil
		}
		if from, to := b.direct(up); to != nil {
			n, err := b.pull(up, from, to, room)
			if moved = moved || n; !n || err != nil {
				return moved, err
			}
			continue
		}
		p, last, err := b.next()
		if err != nil {
			return moved, err
		}
		if len(p) > room {
			p, last = p[:room], false
		}
		n := up.write(p)
		b.took(p[:n])
		switch {
		case last && n == len(p):
			b.over, b.ended = true, true
			up.end(b.x.client.trailers())
			b.x.sendMirror()
			return true, nil
		case n == 0:
			return moved, nil
		}
		moved = true
	}
	return moved, nil
}

// direct returns both ends where the client's body may go to up unseen; nil: it
// may not, as it is kept, or framed anew, or about to be too large.
func (b *requestBody) direct(up upstream) (puller, *loop.Conn) {
	from, ok := b.x.client.(puller)
	if !ok || !b.lost || b.ended || b.at < len(b.kept) {
		return nil, nil
	}
	if b.x.bodyMax > 0 && b.taken+loop.HighWater > b.x.bodyMax {
		return nil, nil
	}
	return from, up.plain()
}

// pull is push where nobody looks at the body.
func (b *requestBody) pull(up upstream, from puller, to *loop.Conn, room int) (moved bool, err error) {
	n, done, err := from.pullInto(to, room)
	b.taken += int64(n)
	if err != nil {
		return n > 0, bodyError{err}
	}
	if done {
		b.over, b.ended = true, true
		up.end(b.x.client.trailers())
		b.x.sendMirror()
	}
	return n > 0 || done, nil
}

// next is the next piece: of what was kept, then of the client.
func (b *requestBody) next() (p []byte, last bool, err error) {
	if b.at < len(b.kept) {
		return b.kept[b.at:], b.ended && !b.lost, nil
	}
	if b.ended {
		return nil, true, nil
	}
	p, last, err = b.x.client.read()
	if err != nil {
		return nil, false, bodyError{err}
	}
	if limit := b.x.bodyMax; limit > 0 && b.taken+int64(len(p)) > limit {
		return nil, false, errBodyTooLarge
	}
	return p, last, nil
}

// took notes that p, of next, was sent.
func (b *requestBody) took(p []byte) {
	if b.at < len(b.kept) {
		b.at += len(p)
		return
	}
	if b.ended {
		return
	}
	b.taken += int64(len(p))
	if !b.lost {
		if len(b.kept)+len(p) > replayLimit {
			b.lost = true
			b.kept = b.kept[:0]
			b.at = 0
		} else {
			b.kept = append(b.kept, p...)
			b.at = len(b.kept)
		}
	}
	b.x.client.consume(len(p))
}
