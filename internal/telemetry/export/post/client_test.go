package post

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/export"
)

// TestRetryAfter: seconds and dates, and nothing of what is neither.
func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "99999999999": 0,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second, "Fri, 02 Jan 2026 03:00:00 GMT": 0,
	} {
		if got := RetryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestSecrets: no secret is in what is said of a failure, wherever it stood.
func TestSecrets(t *testing.T) {
	var seen *http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "no "+r.Header.Get("X-Key")+" "+r.Header.Get("Authorization")+" "+r.URL.RequestURI())
	}))
	defer server.Close()
	secrets := strings.NewReplacer("${secret.A}", "alpha-secret", "${secret.B}", "beta-secret", "${secret.C}", "gamma-secret")
	host := strings.TrimPrefix(server.URL, "http://")
	c := New(Options{
		URL: "http://user:${secret.A}@" + host + "/?token=${secret.B}", Headers: map[string]string{"X-Key": "key ${secret.C}!"}, Timeout: time.Second,
		Expand: func(text string) (string, error) { return secrets.Replace(text), nil },
	})
	defer c.Close()
	q, err := c.Prepare()
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Post(t.Context(), q, "/v1/logs", "text/plain", []byte("x"), 1000)
	if err != nil {
		t.Fatal(err)
	}
	if user, password, _ := seen.BasicAuth(); user != "user" || password != "alpha-secret" || seen.Header.Get("X-Key") != "key gamma-secret!" || seen.URL.RequestURI() != "/v1/logs?token=beta-secret" {
		t.Errorf("it was sent %v %s", seen.Header, seen.URL)
	}
	if at := seen.Header.Get("Traceparent"); len(at) != 55 || !strings.HasSuffix(at, "-00") {
		t.Errorf("traceparent %q", at)
	}
	f := q.Failure(r, string(r.Body), func(int) bool { return false })
	server.Close()
	_, away := c.Post(t.Context(), q, "/v1/logs", "text/plain", []byte("x"), 1000)
	for _, err := range []error{f, away} {
		for _, secret := range []string{"alpha-secret", "beta-secret", "gamma-secret", "dXNlcjphbHBoYS1zZWNyZXQ"} {
			if err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("%v", err)
			}
		}
	}
}

// TestPrepare: what cannot be sent anywhere waits for a person.
func TestPrepare(t *testing.T) {
	missing := errors.New("there is no secret A")
	for _, o := range []Options{
		{URL: "collector:4317"}, {URL: "https://"}, {URL: "http://a\x7f/secret"},
		{URL: "${secret.A}", Expand: func(string) (string, error) { return "", missing }},
	} {
		_, err := New(o).Prepare()
		if f, ok := errors.AsType[*export.Failure](err); !ok || f.Kind != export.Barred || strings.Contains(err.Error(), "\x7f") {
			t.Errorf("%q: %v", o.URL, err)
		}
	}
}
