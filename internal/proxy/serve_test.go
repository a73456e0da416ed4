package proxy

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/route"
)

// served is Serve in this process, and daemons made of links.
type served struct {
	t      *testing.T
	dir    string
	done   chan error
	cancel context.CancelFunc
}

func serve(t *testing.T) *served {
	t.Helper()
	dir, err := os.MkdirTemp("", "bp") //nolint:usetesting // t.TempDir is too long for a unix socket
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &served{t: t, dir: dir, done: make(chan error, 1), cancel: cancel}
	go func() {
		s.done <- Serve(ctx, ServeConfig{Socket: filepath.Join(dir, "s"), Version: "v", AccessLog: io.Discard})
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-s.done:
		case <-time.After(10 * time.Second):
			t.Error("Serve does not return")
		}
		_ = os.RemoveAll(dir)
	})
	return s
}

// daemon connects as one and returns its Welcome and the sockets.
func (s *served) daemon(restart ...string) (*link.Conn, *link.Welcome, map[string]*link.Socket) {
	s.t.Helper()
	var c *link.Conn
	eventually(s.t, "a link", func() bool {
		var err error
		c, err = link.Dial(context.Background(), filepath.Join(s.dir, "s"))
		return err == nil
	})
	s.t.Cleanup(func() { _ = c.Close() })
	m := receive(s.t, c)
	if m.Welcome == nil {
		s.t.Fatalf("%+v", m)
	}
	held := map[string]*link.Socket{}
	for len(held) < m.Welcome.Sockets {
		sm, socks, err := c.Receive()
		if err != nil {
			s.t.Fatal(err)
		}
		for i, id := range sm.Sockets.IDs {
			held[id] = socks[i]
			s.t.Cleanup(socks[i].Close)
		}
	}
	if err := c.Send(&link.Message{Hello: &link.Hello{PID: os.Getpid(), Restart: restart}}); err != nil {
		s.t.Fatal(err)
	}
	return c, m.Welcome, held
}

func receive(t *testing.T, c *link.Conn) *link.Message {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	m, socks, err := c.Receive()
	if err != nil {
		t.Fatal(err)
	}
	link.CloseSockets(socks)
	return m
}

func TestServe(t *testing.T) {
	s := serve(t)
	c, w, held := s.daemon()
	if w.PID != os.Getpid() || w.Binary != "v" || len(held) != 0 || w.Version != (route.Version{}) {
		t.Errorf("%+v", w)
	}
	l := mustListen(t)
	sock, err := link.SocketOf(l)
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	snap := &route.Snapshot{Version: route.Version{Epoch: 3, N: 1}, Listeners: []route.Listener{{ID: "refuse/x", Role: route.RoleRefuse, Caller: "x"}}}

	// Without its socket a snapshot is refused, with it not; an older one is.
	_ = c.Send(&link.Message{Snapshot: snap})
	if a := receive(t, c).Ack; a == nil || !strings.Contains(a.Error, "no socket") {
		t.Errorf("%+v", a)
	}
	_ = c.Send(&link.Message{Sockets: &link.Sockets{IDs: []string{"refuse/x"}}}, sock)
	_ = c.Send(&link.Message{Snapshot: snap})
	if a := receive(t, c).Ack; a == nil || a.Error != "" || a.Version != snap.Version {
		t.Errorf("%+v", a)
	}
	_ = c.Send(&link.Message{Snapshot: &route.Snapshot{Version: route.Version{Epoch: 2, N: 9}}})
	if a := receive(t, c).Ack; a == nil || a.Error == "" {
		t.Errorf("%+v", a)
	}
	_ = c.Send(&link.Message{Ping: &link.Ping{Seq: 7}})
	if p := receive(t, c).Pong; p == nil || p.Seq != 7 {
		t.Errorf("%+v", p)
	}
	_ = c.Send(&link.Message{StatsRequest: &link.StatsRequest{Seq: 9}})
	if st := receive(t, c).Stats; st == nil || st.Seq != 9 || st.More || st.Since.IsZero() {
		t.Errorf("%+v", st)
	}
	resp, _ := get(t, client(t), "http://"+l.Addr().String()+"/~refused/y")
	if resp.StatusCode != 403 {
		t.Error(resp.Status)
	}
	if e := receive(t, c).Event; e == nil || e.Kind != "refused" || e.Caller != "x" || e.Service != "y" {
		t.Errorf("%+v", e)
	}

	// A newer daemon replaces this one and gets the sockets.
	c2, w, held := s.daemon()
	if w.Version != snap.Version || held["refuse/x"] == nil || held["refuse/x"].Addr().String() != l.Addr().String() {
		t.Errorf("%+v, %v", w, held)
	}
	if _, _, err := c.Receive(); err == nil {
		t.Error("the old link is open")
	}
	_ = c2.Send(&link.Message{Bye: &link.Bye{Shutdown: true, DrainSeconds: 1}})
	if err := <-s.done; err != nil {
		t.Error(err)
	}
	s.done <- nil
}

// TestRestart: a daemon that goes without Bye is started again, until one says Hello.
func TestRestart(t *testing.T) {
	s := serve(t)
	mark := filepath.Join(s.dir, "started")
	starts := func() int {
		b, _ := os.ReadFile(mark)
		return len(b)
	}
	argv := []string{"sh", "-c", "printf x >>" + mark + "; exit 1"}
	c, _, _ := s.daemon(argv...)
	died := time.Now()
	_ = c.Close()
	eventually(t, "three starts", func() bool { return starts() >= 3 })
	if d := time.Since(died); d < 250*time.Millisecond {
		t.Errorf("three starts in %v: no backoff", d)
	}
	c, _, _ = s.daemon(argv...)
	_ = c.Send(&link.Message{Ping: &link.Ping{}})
	receive(t, c)
	n := starts()
	time.Sleep(600 * time.Millisecond) //nolint:forbidigo // would be time for another
	if starts() != n {
		t.Error("a daemon is started although one is there")
	}
	_ = c.Send(&link.Message{Bye: &link.Bye{}})
	_ = c.Close()
	time.Sleep(300 * time.Millisecond) //nolint:forbidigo // as above
	if starts() != n {
		t.Error("a daemon is started after Bye")
	}
}

// TestListenerMoves: a listener that moves to another address, and one that is replaced by its like.
func TestListenerMoves(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1)
	old := r.edge("x", "s", route.Policy{})
	r.apply()
	sock := mustHold(t)
	addr := sock.Addr().String()
	r.fresh["edge/x/s"] = sock
	r.apply()
	c := client(t)
	if resp, _ := get(t, c, "http://"+addr); resp.StatusCode != 503 {
		t.Error(resp.Status)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(old, "http://")); err == nil {
		t.Error("the old address is open")
	}
	if n := len(r.e.Sockets()); n != 1 {
		t.Errorf("%d sockets", n)
	}
}

// TestServeParts: a snapshot comes in parts, then what has changed; one that
// does not fit is wanted again, and nothing of it is in force.
func TestServeParts(t *testing.T) {
	s := serve(t)
	c, w, _ := s.daemon()
	if !w.Parts {
		t.Errorf("%+v", w)
	}
	var p link.Packer
	send := func(n uint64, lost bool) *link.Ack {
		t.Helper()
		snap := &route.Snapshot{Version: route.Version{Epoch: 1, N: n}, Services: map[string]*route.Service{}}
		for i := range 50 + n {
			name := strconv.FormatUint(i, 10)
			snap.Services[name] = &route.Service{Name: name, Protocol: route.HTTP1}
		}
		for i, part := range p.Pack(snap) {
			if lost && i == 0 {
				continue
			}
			if err := c.Send(&link.Message{Part: part}); err != nil {
				t.Fatal(err)
			}
		}
		return receive(t, c).Ack
	}
	for n := uint64(1); n < 3; n++ {
		if a := send(n, false); a == nil || a.Error != "" || a.Version.N != n {
			t.Fatalf("%+v", a)
		}
		p.Agree()
	}
	p.Forget()
	if a := send(3, true); a == nil || !a.Again || a.Version.N != 3 {
		t.Errorf("%+v", a)
	}
	if _, w, _ := s.daemon(); w.Version.N != 2 {
		t.Errorf("in force is %+v", w.Version)
	}
}
