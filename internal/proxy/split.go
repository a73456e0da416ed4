package proxy

import (
	"math/rand/v2"

	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/proxy/policy"
)

// share is the index of the edge's pool that the request belongs to: the
// revision that the service's split gives it, the same for all its tries.
func (x *exchange) share() int {
	svc := x.edg.svc
	if svc.split == nil {
		return 0
	}
	if x.splitKey == 0 {
		x.splitKey = x.identify()
	}
	return max(0, svc.split.Pick(x.splitKey))
}

// identify is what tells the request's client to the split: the hash of its
// cookie or header, else random. Where a client should have a cookie and has
// none, the answer gives it one.
func (x *exchange) identify() uint64 {
	s := x.edg.svc.sticky
	if s == nil {
		return rand.Uint64() //nolint:gosec // balancing, not secrecy
	}
	if key, ok := keyOf(x.req, s.Header, s.Cookie); ok {
		return policy.Hash(key)
	}
	if s.Cookie == "" {
		return rand.Uint64() //nolint:gosec // as above
	}
	id := x.req.Space(32)
	randomHex(id)
	x.cookie = x.req.TakeString(s.Cookie + "=" + str(id) + "; Path=/; HttpOnly; SameSite=Lax")
	return policy.Hash(id)
}

// giveCookie adds the cookie that keeps a client with its revision to an answer.
func (x *exchange) giveCookie(h *message.Head) {
	if x.cookie != nil {
		h.Add(message.SetCookie, x.cookie)
	}
}
