package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/route"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if spec := os.Getenv(crowdEnv); spec != "" {
		if err := joinCrowd(spec); err != nil {
			fmt.Fprintln(os.Stderr, "crowd:", err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// rig is an engine in a test, with a snapshot that the test changes and applies.
type rig struct {
	t    testing.TB
	e    *Engine
	snap route.Snapshot
	log  *syncBuffer
	stop func() // ends the engine

	mu      sync.Mutex
	drained []string
	events  []link.Event
	fresh   map[string]*link.Socket
	addrs   map[string]string
}

type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newRig(tb testing.TB) *rig {
	tb.Helper()
	return newRigWith(tb, Options{})
}

// newRigWith makes one with options; those that the rig needs itself are set.
func newRigWith(tb testing.TB, o Options) *rig {
	tb.Helper()
	r := &rig{t: tb, log: &syncBuffer{}, fresh: map[string]*link.Socket{}, addrs: map[string]string{}}
	r.snap = route.Snapshot{App: "test", Version: route.Version{Epoch: 1}, Services: map[string]*route.Service{}}
	o.AccessLog = r.log
	o.Drained = func(ids []string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.drained = append(r.drained, ids...)
	}
	o.Event = func(ev link.Event) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, ev)
	}
	r.e = New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.e.Run(ctx)
	}()
	r.stop = func() {
		cancel()
		<-done
	}
	tb.Cleanup(r.stop)
	return r
}

// listen adds a listener to the snapshot and returns its address.
func (r *rig) listen(id string, role route.Role, caller, callee string) string {
	r.t.Helper()
	sock := mustHold(r.t)
	r.fresh[id] = sock
	r.addrs[id] = sock.Addr().String()
	r.snap.Listeners = append(r.snap.Listeners, route.Listener{ID: id, Role: role, Addr: r.addrs[id], Caller: caller, Callee: callee})
	return r.addrs[id]
}

// edge declares a call and returns its URL.
func (r *rig) edge(caller, callee string, p route.Policy) string {
	r.t.Helper()
	r.snap.Edges = append(r.snap.Edges, route.Edge{Caller: caller, Callee: callee, Policy: p})
	return "http://" + r.listen("edge/"+caller+"/"+callee, route.RoleEdge, caller, callee)
}

// gateway adds a gateway and returns its URL.
func (r *rig) gateway(routes ...route.Route) string {
	r.t.Helper()
	r.snap.Gateway = &route.Gateway{Routes: routes, AccessLog: true, MaxHeader: 64 << 10,
		HeaderTimeout: 10 * time.Second, IdleTimeout: 10 * time.Second}
	return "http://" + r.listen("gateway/tcp4", route.RoleGateway, "", "")
}

// service sets a service's instances, given as id, address, id, address, …
func (r *rig) service(name string, proto route.Protocol, idAddr ...string) {
	s := &route.Service{Name: name, Protocol: proto}
	for i := 0; i < len(idAddr); i += 2 {
		s.Instances = append(s.Instances, route.Instance{ID: idAddr[i], Addr: idAddr[i+1], Revision: "r1"})
	}
	services := map[string]*route.Service{name: s}
	for k, v := range r.snap.Services {
		if k != name {
			services[k] = v
		}
	}
	r.snap.Services = services
}

// apply puts the snapshot in force.
func (r *rig) apply() {
	r.t.Helper()
	r.snap.Version.N++
	s := r.snap
	fresh := r.fresh
	r.fresh = map[string]*link.Socket{}
	if err := r.e.Apply(&s, fresh); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) hasDrained(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.drained, id)
}

func (r *rig) event(kind string) *link.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.events {
		if r.events[i].Kind == kind {
			return &r.events[i]
		}
	}
	return nil
}

// told waits for an event.
func (r *rig) told(kind string) *link.Event {
	r.t.Helper()
	eventually(r.t, "an event "+kind, func() bool { return r.event(kind) != nil })
	return r.event(kind)
}

// backend starts an HTTP/1.1 server and returns its address.
func backend(tb testing.TB, h http.HandlerFunc) string {
	tb.Helper()
	s := httptest.NewServer(h)
	tb.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// h2cBackend starts a server that speaks HTTP/2 without TLS only.
func h2cBackend(tb testing.TB, h http.HandlerFunc) string {
	tb.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	tb.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// bare is a service that speaks by hand: fn gets each connection.
func bare(t *testing.T, fn func(c *net.TCPConn, br *bufio.Reader)) string {
	t.Helper()
	l := mustListen(t)
	ctx, end := context.WithCancel(context.Background())
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				defer context.AfterFunc(ctx, func() { _ = c.Close() })()
				_ = c.SetDeadline(time.Now().Add(30 * time.Second))
				fn(c.(*net.TCPConn), bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() {
		end()
		_ = l.Close()
		conns.Wait()
	})
	return l.Addr().String()
}

// handed is a service whose connections the test gets, and answers on.
func handed(t *testing.T) (addr string, conns <-chan net.Conn) {
	t.Helper()
	l := mustListen(t)
	ch := make(chan net.Conn, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			ch <- c
		}
	}()
	return l.Addr().String(), ch
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
}

// client is an HTTP client of its own, closed with the test.
func client(t *testing.T) *http.Client {
	t.Helper()
	tr := &http.Transport{DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// h2cClient speaks HTTP/2 without TLS.
func h2cClient(t *testing.T) *http.Client {
	t.Helper()
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: p, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// get returns an answer and its body.
func get(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, c, req)
}

func do(t *testing.T, c *http.Client, req *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// eventually waits for a condition that something else brings about.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			tb.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond) //nolint:forbidigo // polls any condition
	}
}
