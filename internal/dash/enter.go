package dash

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/dash/access"
	"github.com/banyanrun/banyan/internal/dash/audit"
)

// cookieName is the session's. With HTTPS browsers keep anybody else from setting
// it (RFC 6265bis, section 4.1.3.2). The gateway takes both off requests.
func cookieName(secure bool) string {
	if secure {
		return "__Host-banyan_dashboard"
	}
	return "banyan_dashboard"
}

// visitor is who sends a request.
type visitor struct {
	access.Session

	id     string // the session's
	secret string
	from   string
}

func (v *visitor) actor() audit.Actor {
	return audit.Actor{Who: v.Who, Role: string(v.Role), From: v.from}
}

func (d *door) visitor(r *http.Request) (*visitor, bool) {
	for _, c := range r.CookiesNamed(d.cookie) {
		if s, id, ok := d.Sessions.Find(c.Value); ok {
			return &visitor{Session: s, id: id, secret: c.Value, from: d.address(r)}, true
		}
	}
	return nil, false
}

// address is where a request comes from, without the port, which says nothing. Where
// a proxy is in front, that is whom the proxy says it comes from, and the proxy.
func (d *door) address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	all := r.Header.Values("X-Forwarded-For")
	if !d.site.Secure || len(all) == 0 {
		return host
	}
	// What the nearest proxy added is last; the client can have written what is before.
	last := all[len(all)-1]
	if addr, err := netip.ParseAddr(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])); err == nil {
		return addr.WithZone("").String() + " by way of " + host
	}
	return host
}

// enter turns the token in an address into a session, and leads on to the address
// without it. Whoever has a session already gets on with a token that was used.
func (d *door) enter(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	token, to := r.URL.Query().Get(tokenKey), local(r.URL)
	if r.Method != http.MethodGet || looksAhead(r) {
		// A browser that looks ahead must not use the token up.
		plainText(w, http.StatusServiceUnavailable, "Open the link itself.\n")
		return
	}
	grant, ok := d.Tokens.Take(token)
	if !ok {
		if _, in := d.visitor(r); in {
			http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // it begins with one slash: it stays here
			return
		}
		d.recordRefusal(r.Context(), strangers, fromStranger, audit.Action{Who: "unknown", From: d.address(r), Procedure: "sign in", Result: "refused: the token was used before, or is too old"})
		plainText(w, http.StatusForbidden, "This link was used before, or is older than 10 minutes.\nRun `banyan dashboard` for another one.\n")
		return
	}
	d.admit(w, r, grant, access.SessionLife)
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // as above
}

// admit gives the browser a session.
func (d *door) admit(w http.ResponseWriter, r *http.Request, g access.Grant, most time.Duration) {
	for _, c := range r.CookiesNamed(d.cookie) {
		d.Sessions.End(c.Value) // the new one takes its place
	}
	secret := d.Sessions.Begin(g, most)
	http.SetCookie(w, d.cookieOf(secret, int(most.Seconds())))
	d.record(r.Context(), audit.Action{Who: g.Who, Role: string(g.Role), From: d.address(r), Procedure: "sign in", Result: "ok"})
}

func (d *door) cookieOf(secret string, age int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // without HTTPS, on loopback, it cannot be Secure in every browser
		Name: d.cookie, Value: secret, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: d.site.Secure, SameSite: http.SameSiteStrictMode,
	}
}

// leave ends the visitor's session.
func (d *door) leave(w http.ResponseWriter, r *http.Request, v *visitor) {
	d.Sessions.End(v.secret)
	http.SetCookie(w, d.cookieOf("", -1))
	d.record(r.Context(), audit.Action{Who: v.Who, Role: string(v.Role), From: v.from, Procedure: "sign out", Result: "ok"})
	w.WriteHeader(http.StatusNoContent)
}
