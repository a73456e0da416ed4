package proxy

import (
	"net/http"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// What Banyan-Fallback says about who answered in place of the service.
var (
	byStale   = []byte("stale")
	byService = []byte("service")
	byStatic  = []byte("static")
)

// standIn answers in place of a service that failed, if the edge has what for.
// Ok: there is an answer of the service, whose head is in x.resp. The exchange
// keeps its failure for those who count.
func (x *exchange) standIn(ok bool) bool {
	f := x.edg.policy.Fallback
	if f == nil && x.kept == nil || !x.broke(ok) {
		return false
	}
	switch {
	case x.kept != nil && x.kept.Usable(time.Now()): // as the answer itself, or the cache's settings, have it
		x.dropAnswer(ok)
		x.stoodIn = true
		x.answerKept(x.kept, cacheStale)
		return true
	case f == nil:
		return false
	case x.kept != nil && f.Stale > 0 && x.kept.UsableFor(time.Now(), f.Stale):
		x.dropAnswer(ok)
		x.standInBy(byStale)
		x.answerKept(x.kept, cacheStale)
		return true
	case x.edg.fallback != nil && x.askInstead(ok):
		return true
	case f.Status != 0 && !isGRPC(x.req) && !x.client.gone():
		x.dropAnswer(ok)
		x.standInBy(byStatic)
		x.answerStatic(f.Status, f.Type, f.Body)
		return true
	}
	return false
}

func (x *exchange) standInBy(whom []byte) { x.stoodIn, x.fallback = true, whom }

// broke reports whether the service failed: that is what fallbacks are for.
func (x *exchange) broke(ok bool) bool {
	if ok {
		return x.resp.Status >= http.StatusInternalServerError
	}
	return x.fail.code != ClientGone && x.fail.status(false) >= http.StatusInternalServerError
}

// dropAnswer ends the use of an answer of the service that nobody gets.
func (x *exchange) dropAnswer(ok bool) {
	if ok {
		x.finish(false)
		x.chosen.inst.release()
	}
}

// aside is what an exchange puts aside while another service is asked.
type aside struct {
	edg      edge
	fail     *failure
	up       upstream
	resp     *message.Head
	chosen   choice
	splitKey uint64
	cookie   []byte
	limit    time.Duration
}

// turnTo makes the exchange one with another service, which has a time of its own.
func (x *exchange) turnTo(other *edge) aside {
	a := aside{x.edg, x.fail, x.up, x.resp, x.chosen, x.splitKey, x.cookie, x.limit}
	x.edg, x.up, x.resp, x.splitKey, x.cookie = *other, nil, x.w.head(), 0, nil
	x.limit = other.policy.Timeout
	x.deadline = sooner(x.given, x.w.after(x.limit))
	x.own = x.deadline != x.given
	x.retries, x.stale = 0, 0
	return a
}

// turnBack makes the exchange what it was.
func (x *exchange) turnBack(a aside) {
	x.w.putHead(x.resp)
	x.edg, x.fail, x.up, x.resp, x.chosen, x.splitKey, x.cookie, x.limit = a.edg, a.fail, a.up, a.resp, a.chosen, a.splitKey, a.cookie, a.limit
	x.body.over = true // what is left of it nobody needs for the answer
}

// askInstead sends the request to the other service and relays its answer. If
// that fails, too, everything is as before.
func (x *exchange) askInstead(ok bool) bool {
	other := x.edg.fallback
	if !x.body.replayable() || len(x.req.Upgrade) > 0 || x.given != 0 && x.w.loop.Now() >= x.given {
		return false
	}
	x.mirror = nil // copies are of what the service gets
	before, began := x.turnTo(other), x.w.loop.Clock()
	got := x.tryAll()
	x.countInstead(other, began, got)
	if !got || x.resp.Status >= http.StatusInternalServerError {
		x.dropAnswer(got)
		x.turnBack(before)
		if !ok && x.client.gone() {
			x.fail = x.failed(ClientGone, nil, "")
		}
		return false
	}
	if ok {
		before.up.finish(false)
		before.chosen.inst.release()
	}
	x.w.putHead(before.resp)
	x.fill.Drop()
	x.fail, x.caching = before.fail, caching{}
	x.standInBy(byService)
	x.upstreamTime = x.w.loop.Now() - x.sent
	x.relay()
	x.chosen.inst.release()
	return true
}

// answerStatic sends the edge's fixed answer.
func (x *exchange) answerStatic(status int, mediaType, body string) {
	h := x.resp
	h.Reset()
	h.Status = status
	if bodyless(status) {
		body = ""
	} else {
		h.Body, h.Length = message.Sized, int64(len(body))
		if mediaType != "" {
			h.Add(message.ContentType, h.TakeString(mediaType))
		}
	}
	x.replyInstead(h, []byte(body))
}

// bodyless reports whether answers of this status have no body (RFC 9110, section 6.4.1).
func bodyless(status int) bool {
	return status == http.StatusNoContent || status == http.StatusNotModified
}

// replyInstead sends an answer that is no failure and not the service's.
func (x *exchange) replyInstead(h *message.Head, body []byte) {
	h.Set(message.XRequestID, x.reqID)
	if x.fallback != nil {
		h.Set(message.BanyanFallback, x.fallback)
	}
	x.adjustHead(h)
	x.client.discard()
	x.reply(h, body)
}
