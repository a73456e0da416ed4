package proxy

import (
	"encoding/hex"
	"net/http"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/proxy/loop"
)

// spanFlush is the longest a span stays with its worker.
const spanFlush = time.Second

// spanBuffer is a worker's spans.
type spanBuffer struct {
	batch *account.Batch
	every bool // also of traces that are not sampled
	loop  *loop.Loop
	timer *loop.Timer
	// epoch is the loop's time 0 in nanoseconds since 1970. It is read anew with
	// each batch, so that spans follow a clock that is set.
	epoch int64
}

func newSpanBuffer(s *account.Spans, every bool, l *loop.Loop) *spanBuffer {
	b := &spanBuffer{batch: s.Batch(), every: every, loop: l}
	b.timer = l.NewTimer(b.batch.Flush)
	return b
}

// add records the exchange, which took total nanoseconds. last is the instance
// that had it last; nil: none.
func (b *spanBuffer) add(x *exchange, last *instance, total int64, o *account.Outcome) {
	if x.trace.trace == nil || !x.trace.sampled && !b.every || x.live == x.w.unseen {
		return
	}
	if b.batch.Len() == 0 {
		b.epoch = time.Now().UnixNano() - b.loop.Clock()
	}
	s := b.batch.Next()
	decodeHex(s.Trace[:], x.trace.trace)
	decodeHex(s.ID[:], x.trace.span)
	decodeHex(s.Parent[:], x.trace.parent)
	k := x.live.Key()
	s.Caller, s.Callee, s.Route = k.Caller, k.Callee, k.Route
	if last != nil {
		s.Instance, s.Revision = last.id, last.revision
	}
	s.Method = methodName(x.req.Method)
	if x.gate.url != nil { // the service may have got another
		s.SetPath(x.gate.url)
	} else {
		s.SetPath(pathOf(x.req.Path))
	}
	s.Start, s.Duration = b.epoch+x.began, time.Duration(total)
	s.Status, s.Code, s.Failed, s.Tries = o.Status, o.Code, o.Failed, o.Tries
	if !b.timer.IsSet() {
		b.timer.Set(b.loop.Now() + int64(spanFlush))
	}
}

// methods are HTTP's own, those first that are sent most; no method is that of a
// request that could not be read.
var methods = [...]string{
	http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions,
	http.MethodConnect, http.MethodTrace, "",
}

// methodName is a method that outlives its request.
func methodName(method []byte) string {
	for _, name := range methods {
		if string(method) == name {
			return name
		}
	}
	return account.OtherMethod
}

// decodeHex reads digits that were checked, or made here.
func decodeHex(dst, digits []byte) { _, _ = hex.Decode(dst, digits) }

// flush hands on what there is.
func (b *spanBuffer) flush() {
	if b != nil {
		b.batch.Flush()
	}
}
