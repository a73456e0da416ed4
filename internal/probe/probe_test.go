package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// once asks one time and returns the reason.
func once(t *testing.T, p Probe, target Target) string {
	t.Helper()
	return asker(p.WithDefaults(), target)(t.Context())
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func closedAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestHTTP(t *testing.T) {
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/500":
			w.WriteHeader(500)
		case "/slow":
			<-r.Context().Done()
		case "/here":
			http.Redirect(w, r, "/500", http.StatusFound)
		case "/elsewhere":
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		case "/circle":
			http.Redirect(w, r, "/circle", http.StatusFound)
		case "/dies":
			panic(http.ErrAbortHandler)
		case "/large":
			_, _ = w.Write(make([]byte, 1<<20))
		}
	})
	for path, want := range map[string]string{
		"/": "", "/large": "", "/elsewhere": "",
		"/500":    "GET /500: 500",
		"/here":   "GET /here: 500",
		"/slow":   "GET /slow: no answer from " + addr + " within 50ms",
		"/circle": "GET /circle: it redirects in a circle",
		"/dies":   "GET /dies: " + addr + " ended the connection without an answer",
	} {
		if got := once(t, Probe{HTTP: path, Timeout: timeoutFor(path)}, Target{Addr: addr}); got != want {
			t.Errorf("%s: %q, not %q", path, got, want)
		}
	}
	closed := closedAddr(t)
	if got := once(t, Probe{HTTP: "/x"}, Target{Addr: closed}); got != "GET /x: connection refused on "+closed {
		t.Errorf("closed: %q", got)
	}
}

func timeoutFor(path string) time.Duration {
	if path == "/slow" {
		return 50 * time.Millisecond
	}
	return 10 * time.Second
}

func TestTCP(t *testing.T) {
	addr := serve(t, nil)
	if got := once(t, Probe{}, Target{Addr: addr}); got != "" {
		t.Error(got)
	}
	closed := closedAddr(t)
	if got := once(t, Probe{TCP: true}, Target{Addr: closed}); got != "connection refused on "+closed {
		t.Errorf("closed: %q", got)
	}
}

func TestOwner(t *testing.T) {
	addr := serve(t, nil)
	_, port, _ := net.SplitHostPort(addr)
	for _, c := range []struct {
		listening, owner, ok bool
		want                 string
	}{
		{true, true, true, ""},
		{true, false, true, "port " + port + " is held by another process"},
		{false, false, true, "nothing listens on " + addr + " yet"},
		{false, false, false, ""},
	} {
		owns := func() (bool, bool, string, bool) { return c.listening, c.owner, "127.0.0.1", c.ok }
		if got := once(t, Probe{}, Target{Addr: addr, Owns: owns}); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestExec(t *testing.T) {
	target := Target{Exec: func(ctx context.Context, argv []string) error {
		switch argv[0] {
		case "fails":
			return errors.New("fails: exit status 3: no database")
		case "hangs":
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}}
	for cmd, want := range map[string]string{"works": "", "fails": "fails: exit status 3: no database", "hangs": "hangs: no end within 20ms"} {
		if got := once(t, Probe{Exec: []string{cmd}, Timeout: 20 * time.Millisecond}, target); got != want {
			t.Errorf("%s: %q", cmd, got)
		}
	}
}

// script runs a probe in a bubble against results given one by one ('.' is a
// success) and returns what it told, with the number of asks before.
func script(t *testing.T, p Probe, results string) []string {
	t.Helper()
	var told []string
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		i := 0
		p.Exec = []string{"x"}
		target := Target{Exec: func(context.Context, []string) error {
			if i == len(results) {
				cancel()
				return nil
			}
			r := results[i : i+1]
			i++
			if r == "." {
				return nil
			}
			return errors.New(r)
		}}
		Run(ctx, p, target, func(ready bool, reason string) {
			told = append(told, fmt.Sprintf("%d:%v:%s", i, ready, reason))
		})
	})
	return told
}

func TestThresholds(t *testing.T) {
	for _, c := range []struct {
		p       Probe
		results string
		want    string
	}{
		{Probe{}, ".", "1:true:"},
		{Probe{}, "aab.", "1:false:a 3:false:b 4:true:"},
		{Probe{}, ".aa.aab.", "1:true: 7:false:b 8:true:"},
		{Probe{SuccessThreshold: 3}, "a..a...", "1:false:a 7:true:"},
		{Probe{FailureThreshold: 1}, ".a.b", "1:true: 2:false:a 3:true: 4:false:b"},
		{Probe{Kind: Liveness}, "..aa.aaa", "8:false:a"},
		{Probe{Kind: Liveness, FailureThreshold: 1, SuccessThreshold: 5}, "a.", "1:false:a 2:true:"},
	} {
		if got := strings.Join(script(t, c.p, c.results), " "); got != c.want {
			t.Errorf("%+v with %s: %q, not %q", c.p, c.results, got, c.want)
		}
	}
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		begin := time.Now()
		var at []time.Duration
		target := Target{Exec: func(context.Context, []string) error {
			at = append(at, time.Since(begin))
			switch {
			case len(at) <= 12:
				return errors.New("not yet")
			case len(at) == 16:
				cancel()
			}
			return nil
		}}
		Run(ctx, Probe{Exec: []string{"x"}, InitialDelay: time.Second}, target, func(bool, string) {})
		if at[0] != time.Second || at[1]-at[0] != 5*time.Millisecond || at[2]-at[1] != 7500*time.Microsecond {
			t.Errorf("it begins at %v", at[:3])
		}
		if d := at[12] - at[11]; d != 100*time.Millisecond {
			t.Errorf("the pause grows to %s", d)
		}
		for i := 13; i < 16; i++ {
			if d := at[i] - at[i-1]; d < 9500*time.Millisecond || d > 10500*time.Millisecond {
				t.Errorf("once ready the pause is %s", d)
			}
		}
	})
}

func TestLog(t *testing.T) {
	line := make(chan struct{})
	told := make(chan string, 4)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		Run(ctx, Probe{Log: true}, Target{Log: line}, func(ready bool, reason string) { told <- fmt.Sprint(ready, reason) })
	}()
	if got := <-told; !strings.HasPrefix(got, "false") {
		t.Errorf("before the line: %s", got)
	}
	close(line)
	if got := <-told; got != "true" {
		t.Errorf("after the line: %s", got)
	}
	cancel()
	<-done
}

// TestNoConnectionStays: 50 asks leave no open connection at the server.
func TestNoConnectionStays(t *testing.T) {
	var open atomic.Int64
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ConnState = func(_ net.Conn, st http.ConnState) {
		switch st {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed, http.StateHijacked:
			open.Add(-1)
		}
	}
	s.Start()
	defer s.Close()
	for range 50 {
		if got := once(t, Probe{HTTP: "/", Timeout: 10 * time.Second}, Target{Addr: s.Listener.Addr().String()}); got != "GET /: 404" {
			t.Fatal(got)
		}
	}
	for range 1000 {
		if open.Load() == 0 {
			return
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // the server sees the end when it reads
	}
	t.Errorf("%d connections are open", open.Load())
}
