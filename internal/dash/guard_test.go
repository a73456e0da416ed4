package dash

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/banyanrun/banyan/internal/dash/access"
	"github.com/banyanrun/banyan/internal/dash/stream"
)

// serve serves the dashboard until the test ends, and returns how to connect to it.
func (r *rig) serve(change func(*Site)) (dial func() net.Conn) {
	r.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(r.t.Context())
	opened := make(chan struct{})
	site := Site{Host: theHost, URL: theURL, Listeners: []net.Listener{l}, Opened: func() { close(opened) }}
	if change != nil {
		change(&site)
	}
	var done sync.WaitGroup
	done.Go(func() { _ = r.dash.Serve(ctx, site) }) // it ends with ctx
	r.t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	<-opened
	return func() net.Conn {
		c, err := (&net.Dialer{}).DialContext(r.t.Context(), "tcp", l.Addr().String())
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(func() { _ = c.Close() }) // some are closed by the other end
		return c
	}
}

// What goes on in a session's name ends with it, and says so.
func TestStreamsEndWithTheSession(t *testing.T) {
	r := newRig(t)
	dial := r.serve(nil)
	follow := func(c *http.Cookie) *bufio.Reader {
		t.Helper()
		conn := dial()
		if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET /api/stream HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nCookie: %s=%s\r\n\r\n", theHost, c.Name, c.Value)
		lines := bufio.NewReader(conn)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(line, "event: hello") {
				return lines
			}
		}
	}
	for name, end := range map[string]func(*http.Cookie){
		"signed out": func(c *http.Cookie) {
			r.gives(with(request("POST", "/api/session/end", "{}"), c), http.StatusNoContent, "")
		},
		"not kept":      func(*http.Cookie) { r.dash.Sessions.Keep(func(*access.Session) bool { return false }) },
		"another began": func(c *http.Cookie) { r.enterAgain(c) },
	} {
		c := r.enter(access.Viewer)
		lines := follow(c)
		end(c)
		rest, err := io.ReadAll(lines)
		if err != nil || !strings.Contains(string(rest), `event: bye`+"\n"+`data: {"reason":"signed-out"}`) {
			t.Errorf("%s: %q, %v", name, rest, err)
		}
	}
}

// enterAgain follows another invitation in the browser that has the cookie.
func (r *rig) enterAgain(c *http.Cookie) {
	r.t.Helper()
	link, _, err := r.dash.Invite(access.Viewer)
	if err != nil {
		r.t.Fatal(err)
	}
	q := request("GET", strings.TrimPrefix(link, theURL), "")
	if res := r.do(with(q, c)); res.StatusCode != http.StatusSeeOther {
		r.t.Fatal(res.Status)
	}
}

// deadlines notes which a writer is given.
type deadlines struct {
	http.ResponseWriter

	write, read []time.Duration
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.write = append(d.write, time.Until(t))
	return nil
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	if !t.IsZero() {
		d.read = append(d.read, time.Until(t))
	} else {
		d.read = append(d.read, 0)
	}
	return nil
}

func TestSlowVisitors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &deadlines{}
		p := newPatient(w)
		p.extend()
		advance(time.Minute)
		p.extend()
		if len(w.write) != 2 || w.write[0] != visitorMost || w.write[1] != visitorMost {
			t.Errorf("%v", w.write)
		}
		body := &timed{io.NopCloser(strings.NewReader("abc")), p.control}
		if text, err := io.ReadAll(body); err != nil || string(text) != "abc" || w.read[0] != bodyMost || w.read[len(w.read)-1] != 0 {
			t.Errorf("%q, %v, %v", text, err, w.read)
		}
	})
}

// Somebody who is not let in asks and does not read: the connection does not stay.
func TestSlowStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		here, there := net.Pipe() // which takes nothing that nobody reads
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		site := r.site
		l := &oneConnection{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
		site.Listeners = []net.Listener{l}
		l.conn <- there
		done.Go(func() { _ = r.dash.Serve(ctx, site) }) // it ends with ctx
		defer done.Wait()
		defer cancel()
		fmt.Fprintf(here, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", theHost)
		advance(strangerMost + time.Second)
		if _, err := here.Write([]byte("x")); err == nil {
			t.Error("the connection is still open")
		}
	})
}

// oneConnection is a listener for a connection that is there already.
type oneConnection struct {
	conn   chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *oneConnection) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *oneConnection) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *oneConnection) Addr() net.Addr { return &net.TCPAddr{} }

// One session's requests do not take all there is.
func TestOneSessionIsBounded(t *testing.T) {
	release, waiting := make(chan struct{}), make(chan struct{}, mostAtOnce)
	r := newRig(t, func(o *Options, _ *Site) {
		o.Prometheus = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			waiting <- struct{}{}
			<-release
		})
	})
	greedy, other := r.enter(access.Viewer), r.enter(access.Operator)
	const query = "/prometheus/api/v1/query"
	var all sync.WaitGroup
	for range mostAtOnce {
		all.Go(func() { r.do(with(request("GET", query, ""), greedy)) })
		<-waiting
	}
	r.gives(with(request("GET", query, ""), greedy), http.StatusTooManyRequests, "under way")
	r.gives(with(request("GET", "/api/session", ""), other), http.StatusOK, "operator")
	close(release)
	all.Wait()
	r.gives(with(request("GET", "/api/session", ""), greedy), http.StatusOK, "viewer")
}

// A viewer cannot push what others did out of the record by being refused.
func TestRefusalsDoNotFillTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.enter(access.Viewer)
		for range 1000 {
			r.do(with(request("POST", restart, "{}"), c))
		}
		advance(time.Minute)
		r.do(with(request("POST", restart, "{}"), c))
		actions, _, err := r.dash.Audit.List(1000, 0)
		if err != nil || len(actions) != fromVisitor+2 || !strings.Contains(actions[0].Result, "and 990 refusals before it") {
			t.Errorf("%d actions, %v, %+v", len(actions), err, actions[0])
		}
	})
}

// Behind a proxy, the record says where a request comes from as the proxy does, and
// nothing that a client wrote itself.
func TestAddress(t *testing.T) {
	near, far := &door{site: &Site{}}, &door{site: &Site{Secure: true}}
	for _, c := range []struct {
		door  *door
		field []string
		want  string
	}{
		{near, []string{"6.6.6.6"}, "192.0.2.1"}, {far, nil, "192.0.2.1"}, {far, []string{"203.0.113.9"}, "203.0.113.9 by way of 192.0.2.1"},
		{far, []string{"6.6.6.6, 203.0.113.9"}, "203.0.113.9 by way of 192.0.2.1"}, {far, []string{"6.6.6.6", "203.0.113.9"}, "203.0.113.9 by way of 192.0.2.1"},
		{far, []string{"ann\x1b[2J"}, "192.0.2.1"}, {far, []string{"2001:db8::1"}, "2001:db8::1 by way of 192.0.2.1"}, {far, []string{"fe80::1%\x1b[2J"}, "fe80::1 by way of 192.0.2.1"},
	} {
		q := request("GET", "/", "")
		q.Header["X-Forwarded-For"] = c.field
		if got := c.door.address(q); got != c.want {
			t.Errorf("%q: %q, want %q", c.field, got, c.want)
		}
	}
}

// A newer page may ask an older daemon for what it does not know.
func TestUnknownKinds(t *testing.T) {
	r := newRig(t, func(o *Options, _ *Site) {
		o.Stream = stream.New("b", []stream.Source{{Kind: "status"}}, nil, slog.New(slog.DiscardHandler))
		o.Stream.End("restart") // so that streams end by themselves
	})
	c := r.enter(access.Viewer)
	r.gives(with(request("GET", "/api/stream?kinds=status,weather", ""), c), http.StatusOK, `"kinds":["status"],"unknown":["weather"]`)
	r.gives(with(request("GET", "/api/stream?kinds=logs", ""), c), http.StatusBadRequest, "POST /api/stream/STREAM")
}
