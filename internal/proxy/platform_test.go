package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// platform stands for the daemon: a service on a unix socket that comes and goes.
type platform struct {
	t      *testing.T
	path   string
	server *http.Server
	// handler answers; the platform itself if it is nil.
	handler http.Handler

	mu  sync.Mutex
	got map[string]int // how often a body came
}

func newPlatform(t *testing.T) *platform {
	t.Helper()
	dir, err := os.MkdirTemp("", "p") //nolint:usetesting // t.TempDir is too long for a unix socket
	if err != nil {
		t.Fatal(err)
	}
	p := &platform{t: t, path: filepath.Join(dir, "s.sock"), got: map[string]int{}}
	t.Cleanup(func() {
		p.end()
		_ = os.RemoveAll(dir)
	})
	return p
}

func (p *platform) addr() string { return "unix:" + p.path }

func (p *platform) begin() {
	p.t.Helper()
	_ = os.Remove(p.path)
	l, err := net.Listen("unix", p.path)
	if err != nil {
		p.t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // as if it were killed
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	if p.handler != nil {
		p.server.Handler = p.handler
	}
	go func(s *http.Server) { _ = s.Serve(l) }(p.server)
}

// end closes all that the platform has, as the kernel does for who is killed.
func (p *platform) end() {
	if p.server != nil {
		_ = p.server.Close()
		p.server = nil
	}
}

func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	p.mu.Lock()
	p.got[string(body)]++
	p.mu.Unlock()
	w.Header().Set("Banyan-Error", "topic-busy")
	w.WriteHeader(http.StatusTooManyRequests)
	fmt.Fprintf(w, "%s of %s", body, r.Header.Get("Banyan-Caller"))
}

// publishAll posts many requests at once and tells what went wrong with the first that failed.
func publishAll(c *http.Client, url, name string, n int) <-chan error {
	failed := make(chan error, n)
	for k := range n {
		go func() {
			body := fmt.Sprintf("%s %d", name, k)
			if k < 2 {
				body += strings.Repeat(".", 4<<20)
			}
			req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, strings.NewReader(body))
			if err != nil {
				failed <- err
				return
			}
			if k%2 == 1 {
				req.ContentLength = -1 // chunked
			}
			req.Header.Set("Banyan-Caller", "forged")
			res, err := c.Do(req)
			if err != nil {
				failed <- err
				return
			}
			defer res.Body.Close()
			answer, err := io.ReadAll(res.Body)
			if err == nil && (res.StatusCode != http.StatusTooManyRequests || string(answer) != body+" of order" || res.Header.Get("Banyan-Error") != "topic-busy") {
				err = fmt.Errorf("%d %v %.200s", res.StatusCode, res.Header, answer)
			}
			failed <- err
		}()
	}
	return failed
}

// TestPlatformAway: what services ask of Banyan itself waits while nobody takes
// connections, and is then sent once, also where a connection was there before.
func TestPlatformAway(t *testing.T) {
	const requests = 20
	p := newPlatform(t)
	r := newRig(t)
	r.service(route.Platform, route.HTTP1, route.Platform, p.addr())
	url := r.edge("order", route.Platform, route.Policy{Timeout: time.Minute, Wait: time.Minute, Outlier: &route.Outlier{}})
	r.apply()
	c := client(t)
	for round := range 3 {
		name := fmt.Sprintf("round %d", round)
		failed := publishAll(c, url, name, requests)
		eventually(t, "all wait", func() bool { return r.e.InFlight() == requests })
		p.begin()
		for range requests {
			if err := <-failed; err != nil {
				t.Error(name, err)
			}
		}
		p.end()
		eventually(t, "all are over", func() bool { return r.e.InFlight() == 0 })
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.got) != 3*requests {
		t.Errorf("%d bodies came", len(p.got))
	}
	for body, n := range p.got {
		if n != 1 {
			t.Errorf("%.20q came %d times", body, n)
		}
	}
}

// post is a request to publish.
func post(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("event"))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// TestPlatformStaysAway: a request does not wait for longer than its edge says.
func TestPlatformStaysAway(t *testing.T) {
	for _, o := range []struct {
		name   string
		policy route.Policy
		status int
		code   Code
	}{
		{"wait over", route.Policy{Timeout: time.Minute, Wait: 50 * time.Millisecond}, 503, Restarting},
		{"timeout over", route.Policy{Timeout: 50 * time.Millisecond, Wait: time.Minute}, 504, UpstreamTimeout},
		{"no wait", route.Policy{Timeout: time.Minute}, 502, UpstreamConnect},
	} {
		t.Run(o.name, func(t *testing.T) {
			r := newRig(t)
			r.service(route.Platform, route.HTTP1, route.Platform, newPlatform(t).addr())
			url := r.edge("order", route.Platform, o.policy)
			r.apply()
			res, body := do(t, client(t), post(t, url))
			var p problem
			if err := json.Unmarshal([]byte(body), &p); err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != o.status || p.Code != o.code || p.Service != route.Platform || p.Caller != "order" {
				t.Errorf("%d %+v", res.StatusCode, p)
			}
			if again := res.Header.Get("Retry-After"); (again == "1") != (o.code == Restarting) {
				t.Errorf("Retry-After: %q", again)
			}
		})
	}
}

// TestPlatformWaitEnds: who leaves meanwhile is not waited for.
func TestPlatformWaitEnds(t *testing.T) {
	p := newPlatform(t)
	r := newRig(t)
	r.service(route.Platform, route.HTTP1, route.Platform, p.addr())
	url := r.edge("order", route.Platform, route.Policy{Wait: time.Hour})
	r.apply()
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	req := post(t, url).WithContext(ctx)
	go func() {
		res, err := client(t).Do(req)
		if err == nil {
			_ = res.Body.Close()
		}
		left <- err
	}()
	eventually(t, "it waits", func() bool { return r.e.InFlight() == 1 })
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	eventually(t, "it is over", func() bool { return r.e.InFlight() == 0 })
	if n := r.total("order", route.Platform, ""); n.Codes[string(ClientGone)] != 1 {
		t.Errorf("%+v", n)
	}
}

// TestBanyanErrorIsOurs: a service cannot say that Banyan answered.
func TestBanyanErrorIsOurs(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Banyan-Error", "forged") }))
	url := r.edge("order", "s", route.Policy{})
	r.apply()
	if res, _ := get(t, client(t), url); res.Header.Get("Banyan-Error") != "" {
		t.Errorf("%v", res.Header)
	}
}
