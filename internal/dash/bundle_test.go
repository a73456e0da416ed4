package dash

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/dash/access"
)

const bundles = "/api/telemetry/bundle"

// withBundles has a handler that records what gets through to it.
func withBundles(t *testing.T) (r *rig, got *[]string) {
	t.Helper()
	got = new([]string)
	r = newRig(t, func(o *Options, _ *Site) {
		o.Bundles = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			body, err := io.ReadAll(q.Body)
			if err != nil {
				t.Error(err)
			}
			*got = append(*got, q.Method+" "+q.URL.RawQuery+" "+string(body[:min(len(body), 8)]))
			_, _ = io.WriteString(w, `{"spans":1}`) // it is a recorder
		})
	})
	return r, got
}

func upload(c *http.Cookie, media, body string) *http.Request {
	q := request("POST", bundles+"?name=a", body)
	q.Header.Set("Content-Type", media)
	return with(q, c)
}

func TestBundles(t *testing.T) {
	r, got := withBundles(t)
	viewer, operator := r.enter(access.Viewer), r.enter(access.Operator)
	r.gives(with(request("GET", bundles+"?filter=status%3Derror", ""), viewer), http.StatusOK, "spans")
	r.gives(upload(operator, "application/gzip", strings.Repeat("x", 3<<20)), http.StatusOK, "spans") // longer than RPCs may be
	if want := "GET filter=status%3Derror |POST name=a xxxxxxxx"; strings.Join(*got, "|") != want {
		t.Errorf("%q", *got)
	}
}

func TestBundlesRefused(t *testing.T) {
	r, got := withBundles(t)
	viewer, operator := r.enter(access.Viewer), r.enter(access.Operator)
	r.gives(upload(viewer, "application/gzip", "x"), http.StatusForbidden, "a viewer looks and changes nothing")
	actions, _, err := r.dash.Audit.List(1, 0)
	if err != nil || actions[0].Procedure != "TelemetryService/ImportBundle" || !strings.HasPrefix(actions[0].Result, "refused") {
		t.Errorf("%+v, %v", actions, err)
	}
	for _, media := range []string{"", "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "application/json"} {
		r.gives(upload(operator, media, "x"), http.StatusUnsupportedMediaType, "gzip")
	}
	r.gives(with(request("PUT", bundles, ""), operator), http.StatusMethodNotAllowed, "GET")
	r.gives(request("GET", bundles, ""), http.StatusUnauthorized, "unauthenticated")
	other := upload(operator, "application/gzip", "x")
	other.Header.Set("Sec-Fetch-Site", "same-site")
	r.gives(other, http.StatusForbidden, "another origin")
	if len(*got) > 0 {
		t.Errorf("%q", *got)
	}
	none := newRig(t)
	none.gives(with(request("GET", bundles, ""), none.enter(access.Viewer)), http.StatusNotFound, "no telemetry")
}

// TestBundleCutShort: a download that ends early must not look as if it were whole.
func TestBundleCutShort(t *testing.T) {
	r := newRig(t, func(o *Options, _ *Site) {
		o.Bundles = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half") // it is flushed or not
			panic(http.ErrAbortHandler)
		})
	})
	c := r.enter(access.Viewer)
	defer func() {
		if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // net/http compares so, too
			t.Errorf("it goes on: %v", p)
		}
	}()
	r.handler.ServeHTTP(httptest.NewRecorder(), with(request("GET", bundles, ""), c))
}

func TestJaeger(t *testing.T) {
	r := newRig(t, func(o *Options, _ *Site) {
		o.Jaeger = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { _, _ = io.WriteString(w, q.URL.Path) })
	})
	c := r.enter(access.Viewer)
	r.gives(with(request("GET", "/jaeger/api/services", ""), c), http.StatusOK, "/api/services")
	r.gives(request("GET", "/jaeger/api/services", ""), http.StatusUnauthorized, "unauthenticated")
	r.gives(with(request("POST", "/jaeger/api/archive/ab", "{}"), c), http.StatusMethodNotAllowed, "GET")
	other := with(request("GET", "/jaeger/api/services", ""), c)
	other.Host = "127.0.0.1:8800"
	r.gives(other, http.StatusForbidden, "permission_denied")
	none := newRig(t)
	none.gives(with(request("GET", "/jaeger/api/services", ""), none.enter(access.Viewer)), http.StatusNotFound, "no traces")
}
