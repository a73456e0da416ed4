package proxy

import (
	"errors"
	"io"

	"github.com/banyanrun/banyan/internal/proxy/h1"
	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/message"
)

// maxTrailer bounds the trailers of a chunked body, in bytes.
const maxTrailer = 16 << 10

// body1 reads a body off an HTTP/1 connection.
type body1 struct {
	dec   h1.Body
	piece int  // bytes of payload at the start of the connection's input
	last  bool // the body ends with them
	ended bool // it was consumed to its end
}

func (b *body1) start(h *message.Head) {
	b.dec.Start(h, maxTrailer)
	b.piece, b.last = 0, b.dec.Done()
	b.ended = b.last
}

// read is as [source] says.
func (b *body1) read(c *loop.Conn) ([]byte, bool, error) {
	for b.piece == 0 && !b.last {
		if buf := c.Buffered(); buf != nil {
			skip, data, done, err := b.dec.Next(buf)
			if err != nil {
				return nil, false, err
			}
			c.Consume(skip)
			b.piece, b.last = data, done
			if data > 0 || done {
				break
			}
		}
		n, err := c.TryFill()
		switch {
		case errors.Is(err, io.EOF):
			if err := b.dec.EOF(); err != nil {
				return nil, false, io.ErrUnexpectedEOF
			}
			b.last = true
		case err != nil:
			return nil, false, err
		case n == 0:
			return nil, false, nil
		}
	}
	if b.piece == 0 {
		b.ended = true
		return nil, true, nil
	}
	return c.Buffered()[:b.piece], b.last, nil
}

func (b *body1) consume(c *loop.Conn, n int) {
	c.Consume(n)
	b.piece -= n
	b.ended = b.last && b.piece == 0
}

// pullInto is as [puller] says, of what comes on c.
func (b *body1) pullInto(c, to *loop.Conn, limit int) (n int, done bool, err error) {
	for limit > 0 {
		k, more, err := b.pullOnce(c, to, limit)
		if err != nil || !more {
			return n + k, b.ended, err
		}
		n, limit = n+k, limit-k
		if to.Pending() >= loop.HighWater-loop.Small {
			to.Flush()
		}
	}
	return n, false, nil
}

// pullOnce moves a piece. more: the body goes on, and there may be more of it.
func (b *body1) pullOnce(c, to *loop.Conn, limit int) (n int, more bool, err error) {
	remaining := b.dec.Remaining()
	if b.piece > 0 || b.last || remaining == 0 || c.Buffered() != nil {
		p, _, err := b.read(c)
		n := min(len(p), limit)
		if n > 0 {
			to.Write(p[:n])
			b.consume(c, n)
		}
		return n, n > 0 && !b.ended, err
	}
	if remaining > 0 {
		limit = int(min(int64(limit), remaining))
	}
	n, err = to.Pull(c, limit, remaining > 0)
	if errors.Is(err, io.EOF) {
		if b.dec.EOF() != nil {
			return n, false, io.ErrUnexpectedEOF
		}
		b.last, b.ended = true, true
		return n, false, nil
	}
	b.dec.Skip(n)
	if b.dec.Done() {
		b.last, b.ended = true, true
	}
	return n, n > 0 && !b.ended, err
}

// writeOn is an HTTP/1 connection's sink.
func writeOn(c *loop.Conn, p []byte, chunked bool) int {
	if len(p) == 0 {
		return 0
	}
	if chunked {
		c.SetOut(h1.AppendChunk(c.Out(), p))
	} else {
		c.Write(p)
	}
	if c.Pending() >= loop.HighWater-loop.Small {
		c.Flush()
	}
	return len(p)
}
