package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// load sends requests at a fixed rate, whether or not earlier ones were
// answered (an open loop): what hangs shows as requests in flight, not as a
// lower rate.
type load struct {
	t      *testing.T
	rate   int // a second
	fresh  bool
	header http.Header
	client *http.Client
	next   func(n int) string // the URL of request n

	stop chan struct{}
	wg   sync.WaitGroup
	open atomic.Int64 // connections that are open now

	mu       sync.Mutex
	sent, ok int
	inFlight map[int]time.Time
	failures []failedRequest
	retried  []failedRequest // broken connections that net/http hid by a second try
	slowest  time.Duration
	done     []answered
}

// failedRequest is a request that was not answered with 2xx.
type failedRequest struct {
	number      int
	url         string
	began, over time.Time
	kind        string // "refused", "reset", "eof", "timeout", "status 503 no-ready-instance", …
}

type answered struct{ began, over time.Time }

// loadTimeout is how long a client waits for an answer.
const loadTimeout = 20 * time.Second

type loadOptions struct {
	rate int
	// fresh opens a connection for each request; else they are kept and used again.
	fresh  bool
	header http.Header
	urls   []string // asked for in turn
}

// startLoad begins to send and goes on until finish.
func startLoad(t *testing.T, o loadOptions) *load {
	t.Helper()
	l := &load{
		t: t, rate: o.rate, fresh: o.fresh, header: o.header, stop: make(chan struct{}), inFlight: map[int]time.Time{},
		next: func(n int) string { return o.urls[n%len(o.urls)] },
	}
	dialer := &net.Dialer{Timeout: loadTimeout}
	l.client = &http.Client{
		Timeout: loadTimeout,
		Transport: &http.Transport{
			DisableKeepAlives: o.fresh, MaxIdleConnsPerHost: 64, DisableCompression: true,
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				c, err := dialer.DialContext(ctx, network, addr)
				if err != nil {
					return nil, err
				}
				l.open.Add(1)
				return &counted{Conn: c, open: &l.open}, nil
			},
		},
	}
	l.wg.Go(l.run)
	t.Cleanup(func() { l.end() })
	await(t, 10*time.Second, "the first answers under load", func() error {
		if _, ok, _ := l.counts(); ok < 10 {
			return fmt.Errorf("%d answers; %s", ok, l.describe(5))
		}
		return nil
	})
	return l
}

// counted is a connection that is counted while it is open.
type counted struct {
	net.Conn
	open *atomic.Int64
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

func (l *load) run() {
	tick := time.NewTicker(time.Second / time.Duration(l.rate))
	defer tick.Stop()
	began := time.Now()
	for n := 0; ; {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		// A ticker drops ticks under load; what is due by the clock is sent.
		for due := int(time.Since(began).Seconds() * float64(l.rate)); n < due; n++ {
			number := n
			l.wg.Go(func() { l.one(number) })
		}
	}
}

func (l *load) one(n int) {
	url := l.next(n)
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		panic(err) // the test's own URL
	}
	maps.Copy(req.Header, l.header)
	conns := 0
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { conns++ },
	}))
	f := failedRequest{number: n, url: url, began: time.Now()}
	l.mu.Lock()
	l.sent++
	l.inFlight[n] = f.began
	l.mu.Unlock()
	f.kind = l.ask(req)
	f.over = time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.inFlight, n)
	l.slowest = max(l.slowest, f.over.Sub(f.began))
	if f.kind != "" {
		l.failures = append(l.failures, f)
		return
	}
	l.ok++
	l.done = append(l.done, answered{f.began, f.over})
	for range conns - 1 {
		f.kind = "broken connection, tried again by net/http"
		l.retried = append(l.retried, f)
	}
}

// ask returns what kind of failure a request is; empty: none.
func (l *load) ask(req *http.Request) string {
	res, err := l.client.Do(req)
	if err != nil {
		return kindOf(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return "body: " + kindOf(err)
	case res.StatusCode >= 300:
		return fmt.Sprintf("status %d %s %s", res.StatusCode, res.Header.Get("Banyan-Error"), clip(string(body), 200))
	}
	return ""
}

func kindOf(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "eof"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return err.Error()
}

func clip(s string, most int) string {
	s = strings.TrimSpace(s)
	return s[:min(len(s), most)]
}

// counts are the requests sent, answered well, and failed so far.
func (l *load) counts() (sent, ok, failed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent, l.ok, len(l.failures)
}

// flying is the number of requests that wait for an answer, and of connections
// that are kept for later ones.
func (l *load) flying() (requests, idle int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.inFlight), max(0, int(l.open.Load())-len(l.inFlight))
}

// more waits until n more requests are answered well.
func (l *load) more(n int) {
	l.t.Helper()
	_, from, _ := l.counts()
	await(l.t, 30*time.Second, "answers under load", func() error {
		if _, ok, _ := l.counts(); ok < from+n {
			return fmt.Errorf("%d of %d came; %s", ok-from, n, l.describe(5))
		}
		return nil
	})
}

// end stops sending and waits for what is in flight.
func (l *load) end() {
	l.mu.Lock()
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.mu.Unlock()
	l.wg.Wait()
	l.client.CloseIdleConnections()
}

// finish ends the load and fails the test if any request failed.
func (l *load) finish() {
	l.t.Helper()
	l.end()
	if len(l.failures) > 0 {
		l.t.Errorf("%d of %d requests failed:\n%s", len(l.failures), l.sent, l.describe(20))
	}
}

// describe lists failures, the first few in full.
func (l *load) describe(most int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for n, f := range l.failures {
		if n == most {
			fmt.Fprintf(&b, "  … and %d more\n", len(l.failures)-most)
			break
		}
		fmt.Fprintf(&b, "  #%d %s began %s, %s later: %s\n", f.number, f.url, f.began.Format("15:04:05.000"), f.over.Sub(f.began).Round(time.Millisecond), f.kind)
	}
	return b.String()
}

// firstAfter is when the first request was answered that began after a moment.
func (l *load) firstAfter(moment time.Time) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var first time.Time
	for _, a := range l.done {
		if a.began.After(moment) && (first.IsZero() || a.over.Before(first)) {
			first = a.over
		}
	}
	return first, !first.IsZero()
}

// unique is a fresh name.
func unique() string { return strings.ToLower(rand.Text()) }

// failed are the failures so far.
func (l *load) failed() []failedRequest {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]failedRequest(nil), l.failures...)
}

// retries are the broken connections so far that net/http hid.
func (l *load) retries() []failedRequest {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]failedRequest(nil), l.retried...)
}

// began counts the requests that began between two moments.
func (l *load) began(from, to time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	count := func(at time.Time) {
		if !at.Before(from) && !at.After(to) {
			n++
		}
	}
	for _, at := range l.inFlight {
		count(at)
	}
	for _, a := range l.done {
		count(a.began)
	}
	for _, f := range l.failures {
		count(f.began)
	}
	return n
}
