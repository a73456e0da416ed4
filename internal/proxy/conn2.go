package proxy

import (
	"errors"
	"io"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/h2"
	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/message"
)

// conn2 is an HTTP/2 connection, of either role: the protocol's state on a socket.
type conn2 struct {
	w *worker
	c *loop.Conn
	h *h2.Conn
	// lost is called once when the connection ends.
	lost func()
	// refused is called when the peer broke a rule or a bound. Nil: nobody counts.
	refused func(h2.Kind)
	// patience is how long the peer may leave its output unread while it goes on
	// asking; 0: any time. Nil: input is read whatever output is pending.
	patience func() time.Duration
}

// maxUnread is how much output may be pending before a peer that has a patience
// is not listened to, in bytes. Bodies stop long before that; what is left are heads.
const maxUnread = 512 << 10

// start begins to read and write.
func (cc *conn2) start() {
	cc.c.Gather(cc.gather)
	cc.c.OnClose(cc.closed)
	cc.c.Serve(cc.serve)
	cc.c.Mark()
}

// gather moves output to the socket's, as far as that takes it.
func (cc *conn2) gather() {
	for {
		out := cc.h.Out()
		n := min(len(out), loop.HighWater-cc.c.Pending())
		if n <= 0 {
			break
		}
		cc.c.Write(out[:n])
		cc.h.Flushed(n)
	}
	switch {
	case len(cc.h.Out()) > 0:
	case cc.h.Done():
		cc.c.Close()
	case cc.h.Streams() == 0:
		cc.giveBack()
	}
}

// keepOut is how large an output buffer an idle connection keeps, in bytes: heads
// and short bodies need no more.
const keepOut = 2 << 10

// giveBack lets others use the output buffer, if it has grown, while the
// connection is idle.
func (cc *conn2) giveBack() {
	buf := cc.h.Reclaim()
	if cap(buf) > keepOut {
		cc.w.putOut(buf)
		buf = nil
	}
	cc.h.Lend(buf)
}

// borrow gets a connection that was idle an output buffer.
func (cc *conn2) borrow() {
	if len(cc.h.Out()) > 0 {
		return
	}
	buf := cc.h.Reclaim()
	if cap(buf) == 0 {
		buf = cc.w.takeOut()
	}
	cc.h.Lend(buf)
}

// serve reads what is there.
func (cc *conn2) serve(t *loop.Task) {
	for {
		if b := cc.c.Buffered(); b != nil {
			cc.borrow()
			err := cc.h.Feed(b, cc.w.loop.Now())
			cc.c.Consume(len(b))
			cc.c.Mark()
			if err != nil {
				cc.broke(err)
				return
			}
		}
		if len(cc.h.Out()) > maxUnread && cc.patience != nil && !cc.unblock(t) {
			return
		}
		n, err := cc.c.TryFill()
		if err != nil {
			if errors.Is(err, io.EOF) {
				cc.h.Close(h2.Cancel)
			}
			cc.c.Abort()
			return
		}
		if n == 0 {
			return
		}
	}
}

// broke ends the connection because of what the peer did.
func (cc *conn2) broke(err error) {
	cc.w.e.log.Debug("http2", "error", err)
	if e, ok := errors.AsType[*h2.Error](err); ok && cc.refused != nil {
		cc.refused(e.Kind)
	}
	cc.gather()
	cc.c.Close()
}

// unblock waits until the peer has read what is pending, but for some; false: it
// does not, and the connection has ended.
func (cc *conn2) unblock(t *loop.Task) bool {
	cc.c.Writer(t)
	defer cc.c.Writer(nil)
	for len(cc.h.Out()) > maxUnread/2 && cc.c.WriteErr() == nil {
		cc.c.Flush()
		sent := cc.c.Sent()
		err := t.Wait(cc.w.after(cc.patience()))
		switch {
		case errors.Is(err, loop.ErrTimeout) && cc.c.Sent() == sent:
			cc.refused(h2.SlowRead)
			cc.c.Reset()
			return false
		case errors.Is(err, loop.ErrClosed):
			return false
		}
	}
	return true // of what is broken, the next read says why
}

func (cc *conn2) closed() {
	cc.h.Close(h2.Cancel)
	cc.lost()
}

// body2 is a body that comes on a stream: what came and was not consumed.
type body2 struct {
	buf   []byte
	at    int
	ended bool
	tail  *message.Head // with the trailers; nil: none
}

func (b *body2) add(p []byte, end bool) {
	if b.at > 0 && b.at >= len(b.buf)-b.at { // or a reader that always lags behind makes it grow for ever
		b.buf, b.at = b.buf[:copy(b.buf, b.buf[b.at:])], 0
	}
	b.buf = append(b.buf, p...)
	b.ended = b.ended || end
}

// finish ends the body with those of the trailers in tail that are passed on.
func (b *body2) finish(tail *message.Head) {
	for i := range tail.Fields {
		if f := &tail.Fields[i]; f.ID != message.Removed && !message.MayTrail(f.ID, f.Name) {
			f.ID = message.Removed
		}
	}
	b.tail, b.ended = tail, true
}

// rest is what came, and whether the body ends with it.
func (b *body2) rest() ([]byte, bool) { return b.buf[b.at:], b.ended }

func (b *body2) trailers() []message.Field {
	if b.tail == nil {
		return nil
	}
	return b.tail.Fields
}

// keepBody is how much of a stream's buffer is kept for the next one, in bytes.
const keepBody = 16 << 10

func (b *body2) reset(w *worker) {
	w.putHead(b.tail)
	buf := b.buf[:0]
	if cap(buf) > keepBody {
		buf = nil
	}
	*b = body2{buf: buf}
}
