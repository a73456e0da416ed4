package scrape

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/banyanrun/banyan/internal/telemetry/otlp"
)

// taken keeps samples by instance.
type taken struct {
	mu      sync.Mutex
	samples []otlp.Sample
}

func (k *taken) take(_ context.Context, samples []otlp.Sample) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.samples = append(k.samples, samples...)
	return nil
}

// since returns what came since the last call, without what changes.
func (k *taken) since() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var lines []string
	for i := range k.samples {
		s := k.samples[i]
		if s.Name != "scrape_duration_seconds" {
			s.Time = at
			lines = append(lines, strings.NewReplacer(` instance="order-3"`, "", ` service="order"`, "").Replace(show(&s)))
		}
	}
	k.samples = nil
	return strings.Join(lines, "; ")
}

// page is what an instance answers.
type page struct {
	mu     sync.Mutex
	status int
	media  string
	body   string
	asked  http.Header
}

func (p *page) set(status int, media, body string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.media, p.body = status, media, body
}

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = r.Header
	w.Header().Set("Content-Type", p.media)
	if p.status/100 == 3 {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(p.status)
	_, _ = w.Write([]byte(p.body))
}

const textType = "text/plain; version=0.0.4; charset=utf-8"

// TestRounds: what an instance has comes with its labels, and what it has no more ends.
func TestRounds(t *testing.T) {
	p := &page{}
	server := httptest.NewServer(p)
	defer server.Close()
	targets := []Target{{Service: "order", Instance: "order-3", URL: server.URL + "/metrics"}}
	var k taken
	var log strings.Builder
	s := New(Config{Targets: func() []Target { return targets }, Take: k.take, Log: slog.New(slog.NewTextHandler(&log, nil))})
	defer s.client.CloseIdleConnections()
	for _, c := range []struct {
		status      int
		media, body string
		want, log   string
	}{
		{200, textType, "a 1\nb{x=\"y\"} 2\n", `a 1; b x="y" 2; up 1; scrape_samples_scraped 2`, ""},
		{200, textType, "a 1\n", `a 1; up 1; scrape_samples_scraped 1; b x="y" stale`, ""},
		{500, textType, "a 1\n", "up 0; scrape_samples_scraped 0; a stale", "500 Internal"},
		{302, textType, "", "up 0; scrape_samples_scraped 0", ""},
		{200, "text/html", "a 1\n", "up 0; scrape_samples_scraped 0", ""},
		{200, textType, "a", "up 0; scrape_samples_scraped 0", ""},
		{200, textType, strings.Repeat("a 1\n", MaxBody/4+1), "up 0; scrape_samples_scraped 0", ""},
		{200, "application/openmetrics-text; version=1.0.0", "a 1\n# EOF\n", "a 1; up 1; scrape_samples_scraped 1", "again"},
		{200, "", "", "up 1; scrape_samples_scraped 0; a stale", ""},
	} {
		p.set(c.status, c.media, c.body)
		s.round(t.Context())
		if got := k.since(); got != c.want {
			t.Errorf("%d %s: %s, want %s", c.status, c.media, got, c.want)
		}
		if !strings.Contains(log.String(), c.log) || c.log == "" && log.Len() > 0 {
			t.Errorf("%d: the log says %q", c.status, log.String())
		}
		log.Reset()
	}
	if got := p.asked.Get("Accept"); got != accept {
		t.Error(got)
	}
	targets = nil
	s.round(t.Context())
	if got := k.since(); !strings.Contains(got, "up stale") || len(s.known) != 0 {
		t.Error(got)
	}
}

// TestSlow: who does not answer costs the time of one scrape.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k taken
		s := New(Config{Targets: func() []Target {
			return []Target{{Service: "order", Instance: "order-3", URL: "http://127.0.0.1:1/metrics"}}
		}, Take: k.take, Log: slog.New(slog.DiscardHandler)})
		s.client.Transport = never{}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		<-time.After(Interval + Timeout + time.Second)
		if got := k.since(); got != "up 0; scrape_samples_scraped 0" {
			t.Error(got)
		}
		<-time.After(Interval - Timeout) // in the midst of the next
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if got := k.since(); got != "" {
			t.Error(got)
		}
	})
}

// never is a server that does not answer.
type never struct{}

func (never) RoundTrip(q *http.Request) (*http.Response, error) {
	<-q.Context().Done()
	return nil, q.Context().Err()
}

// TestH2C: a service that speaks HTTP/2 alone is scraped by that.
func TestH2C(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("major " + strconv.Itoa(r.ProtoMajor) + "\n"))
	}))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	defer server.Close()
	var k taken
	s := New(Config{Targets: func() []Target {
		return []Target{{Service: "order", Instance: "order-3", URL: server.URL, H2C: true}}
	}, Take: k.take, Log: slog.New(slog.DiscardHandler)})
	defer s.h2c.CloseIdleConnections()
	s.round(t.Context())
	if got := k.since(); got != "major 2; up 1; scrape_samples_scraped 1" {
		t.Error(got)
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
