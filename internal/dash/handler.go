package dash

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/banyanrun/banyan/internal/dash/access"
)

// The paths that are not the page's.
const (
	apiPath        = "/api/"
	prometheusPath = "/prometheus/"
	jaegerPath     = "/jaeger/"
	tokenKey       = "token"
)

// policy lets the page load what comes with it, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// handler answers the requests of a site.
func (d *Dash) handler(s *Site) http.Handler {
	door := &door{Dash: d, site: s, origins: http.NewCrossOriginProtection(), cookie: cookieName(s.Secure)}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p == http.ErrAbortHandler { //nolint:errorlint,err113 // it is no error, but a sign of net/http
				panic(p)
			} else if p != nil {
				d.Log.Error("panic", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				refuse(w, http.StatusInternalServerError, "internal", "a defect of Banyan; `banyan logs daemon` says more")
			}
		}()
		harden(w.Header(), s.Secure)
		door.ServeHTTP(w, r)
	})
}

func harden(h http.Header, secure bool) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	if secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// door is a dashboard at one site.
type door struct {
	*Dash

	site    *Site
	origins *http.CrossOriginProtection
	cookie  string
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 { // who is not let in is answered without waiting for what he sends
		w.Header().Set("Connection", "close")
	}
	if !access.HostIs(r.Host, d.site.Host) {
		d.wrongHost(w, r)
		return
	}
	path := r.URL.Path
	switch {
	case strings.HasPrefix(path, apiPath):
		d.guarded(w, r, d.api)
	case strings.HasPrefix(path, prometheusPath):
		d.guarded(w, r, d.prometheus)
	case strings.HasPrefix(path, jaegerPath):
		d.guarded(w, r, d.jaeger)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "unimplemented", "the page is read by GET")
	case strings.HasPrefix(path, authPath):
		d.auth(w, r)
	case r.URL.Query().Has(tokenKey):
		d.enter(w, r)
	default:
		page(w, r)
	}
}

// isProgram reports whether a path is asked for by programs, not by people.
func isProgram(path string) bool {
	return strings.HasPrefix(path, apiPath) || strings.HasPrefix(path, prometheusPath) || strings.HasPrefix(path, jaegerPath)
}

// wrongHost answers a request by a name that is not the dashboard's: of a page that
// reaches this machine by a name of its own (DNS rebinding), or of a person who
// typed an address. The right name is not told to either.
func (d *door) wrongHost(w http.ResponseWriter, r *http.Request) {
	const text = "This is a Banyan dashboard, which answers by its own address alone.\nRun `banyan dashboard` where the app is: it prints a link that lets you in.\n"
	if isProgram(r.URL.Path) {
		refuse(w, http.StatusForbidden, "permission_denied", strings.ReplaceAll(strings.TrimSpace(text), "\n", " "))
		return
	}
	plainText(w, http.StatusForbidden, text)
}

// guarded calls next for requests of somebody who was let in, from the
// dashboard's own pages or from a program that has its cookie.
func (d *door) guarded(w http.ResponseWriter, r *http.Request, next func(http.ResponseWriter, *http.Request, *visitor)) {
	w.Header().Set("Cache-Control", "no-store")
	if err := d.sameOrigin(r); err != nil {
		refuse(w, http.StatusForbidden, "permission_denied", err.Error())
		return
	}
	v, ok := d.visitor(r)
	if !ok {
		d.unknown(w)
		return
	}
	if !d.quota.begin(v.id) {
		refuse(w, http.StatusTooManyRequests, "resource_exhausted", fmt.Sprintf("this session has %d requests under way already; wait for some", mostAtOnce))
		return
	}
	defer d.quota.end(v.id)
	ctx, done := d.Sessions.Context(r.Context(), v.id)
	defer done()
	w.Header().Del("Connection")
	to := newPatient(w)
	r = r.WithContext(ctx)
	if r.ContentLength != 0 {
		r.Body = &timed{r.Body, to.control}
	}
	next(to, r, v)
}

// unknown tells somebody who is not let in how to be.
func (d *door) unknown(w http.ResponseWriter) {
	said := map[string]string{"code": "unauthenticated", "message": "you are not let in, or not any more; run `banyan dashboard` and open the link that it prints"}
	if d.site.SignIn != nil {
		said["message"] += ", or sign in at " + d.site.URL + signInPath
		said["sign_in"] = signInPath
	}
	answer(w, http.StatusUnauthorized, said)
}

// sameOrigin refuses requests that another origin's pages made. Those of other
// ports of the same host count as the same site to browsers and come with the
// cookie, so reading is checked too.
func (d *door) sameOrigin(r *http.Request) error {
	if err := d.origins.Check(r); err != nil {
		return fmt.Errorf("the request comes from a page of another origin: %w", err)
	}
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "", "same-origin", "none":
		return nil
	default:
		return fmt.Errorf("the request comes from a page of another origin (Sec-Fetch-Site: %q)", site)
	}
}

// prometheus answers the Prometheus API, which only reads.
func (d *door) prometheus(w http.ResponseWriter, r *http.Request, _ *visitor) {
	switch {
	case d.Prometheus == nil:
		refuse(w, http.StatusNotFound, "not_found", "there are no metrics here")
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		http.StripPrefix(strings.TrimSuffix(prometheusPath, "/"), d.Prometheus).ServeHTTP(w, r)
	case r.Method == http.MethodPost && mediaType(r) == "application/x-www-form-urlencoded":
		r.Body = http.MaxBytesReader(w, r.Body, mostBody)
		http.StripPrefix(strings.TrimSuffix(prometheusPath, "/"), d.Prometheus).ServeHTTP(w, r)
	default:
		refuse(w, http.StatusMethodNotAllowed, "unimplemented", "queries are asked by GET, or by POST of a form")
	}
}

// jaeger answers Jaeger's query API, which only reads.
func (d *door) jaeger(w http.ResponseWriter, r *http.Request, _ *visitor) {
	switch {
	case d.Jaeger == nil:
		refuse(w, http.StatusNotFound, "not_found", "there are no traces here")
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		http.StripPrefix(strings.TrimSuffix(jaegerPath, "/"), d.Jaeger).ServeHTTP(w, r)
	default:
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "unimplemented", "traces are asked for by GET")
	}
}
