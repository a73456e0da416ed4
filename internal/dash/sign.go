package dash

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/banyanrun/banyan/internal/dash/audit"
	"github.com/banyanrun/banyan/internal/dash/signin"
	"github.com/banyanrun/banyan/internal/fault"
)

// The paths of signing in by an identity provider.
const (
	authPath   = "/auth/"
	signInPath = authPath + "sign-in"
	// CallbackPath is where the identity provider sends people back to.
	CallbackPath = authPath + "callback"
	// toKey names the address that one wants to be at once one is let in.
	toKey = "to"
)

// ticketName is the cookie of a sign-in that was begun. It comes back by a link of the
// provider, so that it is not as strict as the session's. The gateway takes it off
// requests, as it ends like the session's.
const ticketName = "__Host-signin_banyan_dashboard"

// auth lets people sign in.
func (d *door) auth(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case d.site.SignIn == nil:
		d.tell(w, http.StatusNotFound, "Nobody signs in here: the app file has no dashboard.oidc. Run `banyan dashboard` where the app is, and open the link that it prints.", "")
	case r.Method != http.MethodGet || looksAhead(r):
		plainText(w, http.StatusServiceUnavailable, "Open the address itself.\n")
	case r.URL.Path == signInPath:
		d.beginSignIn(w, r)
	case r.URL.Path == CallbackPath:
		d.endSignIn(w, r)
	default:
		d.tell(w, http.StatusNotFound, "There is no such page.", "/")
	}
}

// beginSignIn leads a browser to the identity provider. Another site's page cannot begin
// that: it would take the place of the session that the person has.
func (d *door) beginSignIn(w http.ResponseWriter, r *http.Request) {
	if d.sameOrigin(r) != nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	address, ticket, err := d.site.SignIn.Begin(r.Context(), within(r.URL.Query().Get(toKey)))
	if err != nil {
		d.tellFault(w, err)
		return
	}
	http.SetCookie(w, ticketCookie(ticket, int(signin.TicketLife.Seconds())))
	http.Redirect(w, r, address, http.StatusSeeOther) //nolint:gosec // it is the provider's, which the app file names
}

// endSignIn lets in whom the identity provider sent back.
func (d *door) endSignIn(w http.ResponseWriter, r *http.Request) {
	ticket := ""
	if c, err := r.Cookie(ticketName); err == nil {
		ticket = c.Value
	}
	http.SetCookie(w, ticketCookie("", -1))
	p, err := d.site.SignIn.Finish(r.Context(), r.URL.Query(), ticket)
	if err != nil {
		d.recordRefusal(r.Context(), strangers, fromStranger, audit.Action{Who: "unknown", From: d.address(r), Procedure: "sign in", Result: "refused: " + err.Error()})
		d.tellFault(w, err)
		return
	}
	d.admit(w, r, p.Grant, d.site.SignIn.Life())
	http.Redirect(w, r, within(p.To), http.StatusSeeOther)
}

func ticketCookie(value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: ticketName, Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode,
	}
}

// looksAhead reports whether a browser fetches what its person may open: that must
// not use anything up.
func looksAhead(r *http.Request) bool {
	return r.Header.Get("Sec-Purpose") != "" || r.Header.Get("Purpose") == "prefetch"
}

// mostAddress bounds an address to go to, in bytes.
const mostAddress = 1024

// within makes an address one of the dashboard's pages: what leads elsewhere, or to
// something that is no page, leads home.
func within(to string) string {
	u, err := url.Parse(to)
	if err != nil || len(to) > mostAddress || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") ||
		isProgram(u.Path) || strings.HasPrefix(u.Path, authPath) {
		return "/"
	}
	return local(u)
}

// local is an address without what stands before its path, and without a token. It
// begins with one slash, so that it stays here.
func local(u *url.URL) string {
	query := u.Query()
	query.Del(tokenKey)
	to := "/" + strings.TrimLeft(u.EscapedPath(), "/\\")
	if rest := query.Encode(); rest != "" {
		to += "?" + rest
	}
	return to
}

// tell answers with a page without script or style, for people who are not let in. To
// is one of the constants here; empty: the page leads nowhere. It is no template: in
// the presence of package html/template the linker keeps every method of every type.
func (d *door) tell(w http.ResponseWriter, status int, text, to string) {
	link := map[string]string{
		"/":        `<p><a href="/">To the dashboard</a></p>`,
		signInPath: `<p><a href="` + signInPath + `">Sign in again</a></p>`,
	}[to]
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	// A client that went away sees nothing of it.
	_, _ = io.WriteString(w, `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Banyan</title>
<h1>Banyan</h1><p>`+html.EscapeString(text)+"</p>"+link+"\n")
}

func (d *door) tellFault(w http.ResponseWriter, err error) {
	status := http.StatusServiceUnavailable
	switch fault.CodeOf(err) {
	case fault.Denied:
		status = http.StatusForbidden
	case fault.Invalid:
		status = http.StatusBadRequest
	case fault.NotFound, fault.Conflict, fault.Unavailable, fault.Timeout, fault.Damaged, fault.Internal:
	}
	d.tell(w, status, err.Error()+".", signInPath)
}
