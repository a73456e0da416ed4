package dash

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/dash/access"
	"github.com/banyanrun/banyan/internal/dash/audit"
	"github.com/banyanrun/banyan/internal/dash/stream"
	"github.com/banyanrun/banyan/proto/banyan/v1/banyanv1connect"
)

const (
	theHost = "shop-x7k2m4q9.banyan.localhost"
	theURL  = "http://" + theHost + ":8800"
)

// drawer keeps sessions.
type drawer map[string]access.Session

func (d drawer) Save(id string, s access.Session) { d[id] = s }
func (d drawer) Remove(id string)                 { delete(d, id) }

// rig is a dashboard that is open, without a socket.
type rig struct {
	t       *testing.T
	dash    *Dash
	site    Site
	handler http.Handler
	called  []string // procedures that got through, with who called
}

func newRig(t *testing.T, change ...func(*Options, *Site)) *rig {
	t.Helper()
	r := &rig{t: t, site: Site{Host: theHost, URL: theURL}}
	log, err := audit.Open(filepath.Join(t.TempDir(), "actions.log"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() }) // it is read, not written
	o := Options{
		App: func() string { return "shop" }, Version: "1", Boot: "b",
		RPCs: map[string]http.Handler{"/" + banyanv1connect.ControlServiceName + "/": http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			r.called = append(r.called, q.URL.Path)
			_, _ = io.WriteString(w, `{}`) // it is a recorder
		})},
		Prometheus: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { _, _ = io.WriteString(w, q.URL.Path) }),
		Tokens:     access.NewTokens(time.Now), Sessions: access.NewSessions(drawer{}, nil, time.Now),
		Stream: stream.New("b", nil, nil, slog.New(slog.DiscardHandler)), Audit: log, Log: slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&o, &r.site)
	}
	r.dash = New(o)
	r.dash.set(&r.site, nil)
	r.handler = r.dash.handler(&r.site)
	return r
}

// request makes one as a browser that is at the dashboard's page.
func request(method, path, body string) *http.Request {
	q := httptest.NewRequest(method, theURL+path, strings.NewReader(body))
	if method == http.MethodPost {
		q.Header.Set("Content-Type", "application/json")
		q.Header.Set("Origin", theURL)
	}
	q.Header.Set("Sec-Fetch-Site", "same-origin")
	return q
}

func (r *rig) do(q *http.Request) *http.Response {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, q)
	return w.Result()
}

// enter follows an invitation and returns the cookie.
func (r *rig) enter(role access.Role) *http.Cookie {
	r.t.Helper()
	url, _, err := r.dash.Invite(role)
	if err != nil {
		r.t.Fatal(err)
	}
	res := r.do(httptest.NewRequest(http.MethodGet, url, nil))
	if res.StatusCode != http.StatusSeeOther || len(res.Cookies()) != 1 {
		r.t.Fatalf("%s, %d cookies", res.Status, len(res.Cookies()))
	}
	return res.Cookies()[0]
}

// gives checks the answer's status and that its body holds a text.
func (r *rig) gives(q *http.Request, status int, text string) {
	r.t.Helper()
	res := r.do(q)
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status || !strings.Contains(string(body), text) {
		r.t.Errorf("%s %s: %s %q, want %d with %q", q.Method, q.URL, res.Status, body, status, text)
	}
}

func with(q *http.Request, c *http.Cookie) *http.Request {
	q.AddCookie(c)
	return q
}

const restart = "/api/banyan.v1.ControlService/Restart"
