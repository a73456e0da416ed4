package proxy

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/policy"
	"github.com/banyanrun/banyan/internal/route"
	"golang.org/x/sys/unix"
)

// starve lets this process open nothing more, until feed is called or the test ends.
func starve(t *testing.T) (feed func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Max: old.Max}); err != nil {
		t.Skip(err)
	}
	feed = func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old) }
	t.Cleanup(feed)
	return feed
}

// touchy is a policy by which one failure of an instance is enough.
var touchy = route.Policy{
	Breaker: &route.Breaker{FailureRatio: 0.01, MinRequests: 1, Window: time.Minute, OpenFor: time.Minute},
	Outlier: &route.Outlier{Errors: 1, Base: time.Minute, Max: time.Minute, MaxPercent: 100},
}

// TestShortOfDescriptors: that the data plane can open nothing more is no fault of an instance.
func TestShortOfDescriptors(t *testing.T) {
	for _, proto := range []route.Protocol{route.HTTP1, route.H2C} {
		t.Run(string(proto), func(t *testing.T) {
			start := backend
			if proto == route.H2C {
				start = h2cBackend
			}
			r := newRigWith(t, Options{Loops: 1})
			r.service("s", proto, "s-1", start(t, text("hello")))
			p := touchy
			p.Retries = 3
			edge := r.edge("x", "s", p)
			r.apply()
			c := dialRaw(t, edge)
			eventually(t, "it is accepted", func() bool { return r.connections() == 1 })
			br := bufio.NewReader(c)
			ask := func() (*http.Response, string) {
				_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: s\r\nContent-Length: 0\r\n\r\n")
				resp, err := http.ReadResponse(br, nil)
				if err != nil {
					t.Fatal(err)
				}
				b, _ := io.ReadAll(resp.Body)
				return resp, string(b)
			}
			feed := starve(t)
			resp, body := ask()
			feed()
			if p := problemOf(t, resp, body); p.Code != OutOfResources || resp.StatusCode != 503 || p.Instance != "" || resp.Header.Get("Retry-After") != "1" {
				t.Errorf("%v %+v", resp.Header, p)
			}
			if resp, body := ask(); resp.StatusCode != 200 || body != "hello" {
				t.Errorf("afterwards: %s %s", resp.Status, body)
			}
			if r.event("breaker-open") != nil || r.event("ejected") != nil {
				t.Error("the instance was blamed")
			}
			if n := r.total("x", "s", ""); n.Codes[string(OutOfResources)] != 1 || n.Errors != 1 || n.Retries != 0 {
				t.Errorf("%+v", n)
			}
		})
	}
}

// TestShortOfDescriptorsElsewhere: a connection that is there to another instance will do.
func TestShortOfDescriptorsElsewhere(t *testing.T) {
	r := newRigWith(t, Options{Loops: 1})
	r.service("s", route.H2C, "s-1", h2cBackend(t, text("first")), "s-2", h2cBackend(t, text("second")))
	p := touchy
	p.Retries = 1
	edge := r.edge("x", "s", p)
	r.apply()
	one, two := r.instance("s", 0), r.instance("s", 1)
	for range 1000 {
		one.inFlight.Acquire(0)
	}
	c := dialRaw(t, edge)
	br := bufio.NewReader(c)
	ask := func() string {
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: s\r\nContent-Length: 0\r\n\r\n")
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		return string(b)
	}
	if got := ask(); got != "second" {
		t.Fatal(got)
	}
	for range 1000 {
		one.inFlight.Release()
	}
	occupy(t, two, 1000)
	feed := starve(t)
	got := ask()
	feed()
	if n := r.total("x", "s", ""); got != "second" || n.Errors != 0 || n.Retries != 1 || r.event("ejected") != nil {
		t.Errorf("%q %+v", got, n)
	}
}

// TestTCPShortOfDescriptors: as for requests.
func TestTCPShortOfDescriptors(t *testing.T) {
	r := newRigWith(t, Options{Loops: 1})
	r.service("s", route.TCP, "s-1", backend(t, text("hello")))
	edge := r.edge("x", "s", touchy)
	r.apply()
	ed := *r.e.table.Load().listeners["edge/x/s"].edge
	done := make(chan *failure, 1)
	feed := starve(t)
	w := r.e.workers[0]
	w.loop.Post(func() {
		w.loop.Go(func(task *loop.Task) {
			x := w.exchange(task, nil)
			x.edg = ed
			if x.dialAny(nil) != nil {
				t.Error("connected")
			}
			done <- x.fail
			w.done(x)
		})
	})
	f := wait(t, done)
	feed()
	if f.code != OutOfResources || r.event("breaker-open") != nil || r.event("ejected") != nil {
		t.Errorf("%+v, %v", f, r.events)
	}
	if resp, body := get(t, client(t), edge); body != "hello" {
		t.Errorf("afterwards: %s", resp.Status)
	}
}

// TestShortages: which errors of connect are ours.
func TestShortages(t *testing.T) {
	x := &exchange{edg: noEdge}
	for err, ours := range map[error]bool{
		unix.EMFILE: true, unix.ENFILE: true, unix.EADDRNOTAVAIL: true, unix.ENOBUFS: true, unix.ENOMEM: true,
		unix.ECONNREFUSED: false, unix.ECONNRESET: false, unix.ETIMEDOUT: false, unix.EHOSTUNREACH: false, loop.ErrTimeout: false,
	} {
		f, v := x.explain(dialError{err}, &instance{})
		if (f.code == OutOfResources) != ours || (v == policy.Neutral) != ours || (f.code == UpstreamConnect) == ours {
			t.Errorf("%v: %s, %v", err, f.code, v)
		}
	}
	if loop.IsShortage(errors.New("other")) {
		t.Error("an error that is none of the kernel's")
	}
}
