package cache

import (
	"net/http"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/route"
)

// Unsafe reports whether a request of this method may change what it names
// (RFC 9110, section 9.2.1). An unknown one may.
func Unsafe(method []byte) bool {
	switch string(method) {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return false
	}
	return true
}

// answerable reports whether a kept answer may be given to req at all.
// Preconditions that only the service can judge (RFC 9111, section 4.3.2) and
// ranges go to the service.
func answerable(req *message.Head) bool {
	if method := string(req.Method); method != http.MethodGet && method != http.MethodHead {
		return false
	}
	if req.Body != message.None || len(req.Upgrade) > 0 || req.Has(message.Range) {
		return false
	}
	for _, name := range [...]string{"If-Match", "If-Unmodified-Since", "If-Range"} {
		if _, there := req.Lookup(name); there {
			return false
		}
	}
	return true
}

// keepable reports whether the answer to req may be kept, as far as req says
// (RFC 9111, section 3). Answers to HEAD have no body to keep.
func keepable(req *message.Head) bool {
	return string(req.Method) == http.MethodGet && answerable(req) && !control(req).noStore
}

// term is for how long an answer may be used.
type term struct {
	fresh  time.Duration // from its origin
	stale  time.Duration // and after that, if the service fails
	shared bool          // also for requests with Authorization
	strict bool          // never when stale
}

// judge decides whether resp, the answer to req, may be kept (RFC 9111, section
// 3), and how long it may be used. Req is keepable.
func judge(cfg *route.Cache, req, resp *message.Head, now time.Time) (term, bool) {
	d := control(resp)
	t := term{shared: d.public || d.revalidate || d.sMaxAge >= 0} // section 3.5
	if d.noStore || d.noCache || d.private || !understood(resp.Status) || !whole(resp) ||
		resp.Has(message.SetCookie) || resp.Has(message.BanyanError) || req.Has(message.Authorization) && !t.shared {
		return term{}, false
	}
	fresh, said := lifetime(&d, resp, now)
	if !said {
		fresh = cfg.DefaultTTL
	}
	t.fresh = fresh
	t.strict = d.revalidate || d.sMaxAge >= 0
	switch {
	case t.strict: // sections 5.2.2.2, 5.2.2.8 and 5.2.2.10
	case d.staleIfError >= 0:
		t.stale = time.Duration(d.staleIfError) * time.Second
	default:
		t.stale = cfg.StaleIfError
	}
	return t, (said || cfg.DefaultTTL > 0) && t.fresh+t.stale > 0
}

// understood reports whether answers of this status are kept: those that are
// cacheable by default (RFC 9110, section 15.1), but for the partial one and
// those that blame the request or the service.
func understood(status int) bool {
	switch status {
	case http.StatusOK, http.StatusNonAuthoritativeInfo, http.StatusNoContent, http.StatusMultipleChoices,
		http.StatusMovedPermanently, http.StatusNotFound, http.StatusGone:
		return true
	}
	return false
}

// whole reports whether one can tell that the answer has come to its end, and
// all of it is kept: trailers are not.
func whole(resp *message.Head) bool {
	return resp.Body != message.UntilClose && len(resp.Trailer) == 0
}

// lifetime is the freshness lifetime that resp gives itself (RFC 9111, section 4.2.1).
func lifetime(d *directives, resp *message.Head, now time.Time) (fresh time.Duration, said bool) {
	switch {
	case d.sMaxAge >= 0:
		return time.Duration(d.sMaxAge) * time.Second, true
	case d.maxAge >= 0:
		return time.Duration(d.maxAge) * time.Second, true
	case !resp.Has(message.Expires):
		return 0, false
	case resp.Count(message.Expires) > 1:
		return 0, true
	}
	expires, ok := date(resp.Get(message.Expires))
	if !ok { // "0", for one: it has expired (section 5.3)
		return 0, true
	}
	made, ok := date(resp.Get(message.Date))
	if !ok {
		made = now
	}
	return max(0, expires.Sub(made)), true
}

// age is resp's age when it was received (RFC 9111, section 4.2.3).
func age(resp *message.Head, sent, now time.Time) time.Duration {
	var apparent time.Duration
	if made, ok := date(resp.Get(message.Date)); ok {
		apparent = now.Sub(made)
	}
	corrected := now.Sub(sent)
	if s := seconds(resp.Get(message.Age)); s > 0 {
		corrected += time.Duration(s) * time.Second
	}
	return max(0, apparent, corrected)
}

func date(value []byte) (time.Time, bool) {
	t, err := http.ParseTime(string(value))
	return t, err == nil
}
