package proxy

import (
	"net/http"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/cache"
	"github.com/banyanrun/banyan/internal/proxy/message"
)

// caching is what an exchange has to do with its edge's cache.
type caching struct {
	cache *cache.Cache // nil: the edge has none
	kept  *cache.Entry // stale; nil: there is none
	fill  *cache.Fill  // takes the answer; nil: it is not kept
	asked time.Time
}

// What Banyan-Cache says of an answer.
var (
	cacheHit   = []byte("hit")   // kept, and fresh
	cacheStale = []byte("stale") // kept, and not fresh any more: the service failed
	cacheMiss  = []byte("miss")  // the service's, though a kept one would have done
)

// fromCache answers out of the edge's cache, if that can be. Otherwise it
// prepares the cache for the service's answer.
func (x *exchange) fromCache() bool {
	c := x.edg.cache
	if c == nil {
		return false
	}
	now := time.Now()
	x.caching = caching{cache: c, asked: now}
	switch e, state := c.Lookup(now, x.req); state {
	case cache.Fresh:
		x.answerKept(e, cacheHit)
		return true
	case cache.Unmet:
		x.answer(x.failed(NotCached, nil, "the request says only-if-cached"))
		return true
	case cache.Stale:
		x.kept = e
	case cache.Miss:
	}
	x.fill = c.Fill(x.req)
	return false
}

// answerKept answers with e.
func (x *exchange) answerKept(e *cache.Entry, how []byte) {
	h := x.resp
	h.Reset()
	body := e.Answer(time.Now(), x.req, h)
	h.Set(message.BanyanCache, how)
	x.replyInstead(h, body)
}

// cacheSees lets the cache see the head of the service's answer before it is relayed.
func (x *exchange) cacheSees(h *message.Head) {
	if x.cache == nil {
		return
	}
	if cache.Unsafe(x.req.Method) {
		if h.Status < http.StatusBadRequest {
			x.cache.Invalidate(x.cache.Key(x.req))
		}
		return
	}
	if !x.fill.Head(x.asked, time.Now(), h) {
		x.fill.Drop()
		x.fill = nil
	}
	h.Set(message.BanyanCache, cacheMiss)
}

// keep gives the cache a piece of the answer's body.
func (x *exchange) keep(p []byte) {
	if x.fill != nil && !x.fill.Write(p) {
		x.fill = nil
	}
}

// keepAnswer ends the cache's part in the exchange. The answer is kept if it came to its end.
func (x *exchange) keepAnswer() {
	if x.fill != nil {
		if x.done && x.relayed {
			x.fill.Commit()
		} else {
			x.fill.Drop()
		}
	}
	x.caching = caching{}
}
