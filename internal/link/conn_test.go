package link

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/route"
	"golang.org/x/sys/unix"
)

// pair returns both ends of a link.
func pair(t *testing.T) (a, b *Conn) {
	t.Helper()
	dir, err := os.MkdirTemp("", "link") //nolint:usetesting // t.TempDir is too long for a unix socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := Listen(filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	a, err = Dial(t.Context(), filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	b, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b
}

func listener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// descriptors is how many this process has open; -1 where that cannot be told.
func descriptors() int {
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(d)
}

func nonblocking(t *testing.T, l syscall.Conn) bool {
	t.Helper()
	raw, err := l.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	flags := 0
	if err := raw.Control(func(fd uintptr) { flags, err = unix.FcntlInt(fd, unix.F_GETFL, 0) }); err != nil {
		t.Fatal(err)
	}
	return flags&unix.O_NONBLOCK != 0
}

func TestMessages(t *testing.T) {
	a, b := pair(t)
	if a.Peer().UID != os.Geteuid() || b.Peer().PID != 0 && b.Peer().PID != os.Getpid() {
		t.Errorf("peers: %+v, %+v", a.Peer(), b.Peer())
	}
	big := &route.Snapshot{App: strings.Repeat("x", 3<<20), Version: route.Version{Epoch: 1, N: 2}}
	go func() {
		_ = a.Send(&Message{Ping: &Ping{Seq: 7}})
		_ = a.Send(&Message{Snapshot: big})
		_ = a.Close()
	}()
	m, _, err := b.Receive()
	if err != nil || m.Ping == nil || m.Ping.Seq != 7 {
		t.Fatalf("%+v, %v", m, err)
	}
	m, _, err = b.Receive()
	if err != nil || m.Snapshot == nil || m.Snapshot.App != big.App || m.Snapshot.Version != big.Version {
		t.Fatalf("%v", err)
	}
	if _, _, err = b.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

// TestStats: counts and their histograms arrive as they were sent.
func TestStats(t *testing.T) {
	a, b := pair(t)
	e := account.Edge{Key: account.Key{Caller: "order", Callee: "user"}, InFlight: 2, Revisions: []account.Revision{{Revision: "r1"}}}
	e.Revisions[0].Requests = 3
	e.Revisions[0].Latency.Observe(time.Millisecond)
	sent := &Stats{Seq: 4, More: true, Snapshot: account.Snapshot{Since: time.Unix(1, 0).UTC(), Taken: time.Unix(2, 0).UTC(), Edges: []account.Edge{e}}}
	go func() { _ = a.Send(&Message{Stats: sent}) }()
	m, _, err := b.Receive()
	if err != nil || !reflect.DeepEqual(m.Stats, sent) {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestSockets passes a socket and uses it at both ends at once.
func TestSockets(t *testing.T) {
	a, b := pair(t)
	before := descriptors()
	l := listener(t)
	sock, err := SocketOf(l)
	if err != nil {
		t.Fatal(err)
	}
	if sock.Addr().String() != l.Addr().String() {
		t.Errorf("address %v", sock.Addr())
	}
	if err := a.Send(&Message{Sockets: &Sockets{IDs: []string{"x"}}}, sock); err != nil {
		t.Fatal(err)
	}
	sock.Close()
	m, got, err := b.Receive()
	if err != nil || len(got) != 1 || m.Sockets.IDs[0] != "x" {
		t.Fatalf("%+v, %d sockets, %v", m, len(got), err)
	}
	there := got[0]
	if !nonblocking(t, l.(syscall.Conn)) || !nonblocking(t, there) {
		t.Error("the shared socket became blocking")
	}
	_ = l.Close() // the other end lives on
	c, err := net.Dial("tcp", there.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fd, _, err := unix.Accept(there.fd) // it waits there since Dial
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Close(), unix.Close(fd)
	there.Close()
	there.Close()
	if dup, err := there.Dup(); !errors.Is(err, net.ErrClosed) || there.Addr() != nil {
		t.Errorf("after Close: %+v, %v", dup, err)
	}
	if after := descriptors(); after > before {
		t.Errorf("%d descriptors more", after-before)
	}
}

func TestManySockets(t *testing.T) {
	a, b := pair(t)
	before := descriptors()
	socks, ids := make([]*Socket, MaxSockets), make([]string, MaxSockets)
	for i := range socks {
		s, err := SocketOf(listener(t))
		if err != nil {
			t.Fatal(err)
		}
		socks[i], ids[i] = s, strconv.Itoa(i)
	}
	const rounds = 10
	go func() {
		for range rounds {
			if err := a.Send(&Message{Sockets: &Sockets{IDs: ids}}, socks...); err != nil {
				t.Error(err)
			}
		}
	}()
	for range rounds {
		_, got, err := b.Receive()
		if err != nil || len(got) != MaxSockets {
			t.Fatal(len(got), err)
		}
		for i := range got {
			if got[i].Addr().Port != socks[i].Addr().Port {
				t.Fatal("out of order")
			}
		}
		CloseSockets(got)
	}
	if err := a.Send(&Message{}, slices.Concat(socks, socks[:1])...); err == nil {
		t.Error("too many sockets were sent")
	}
	CloseSockets(socks)
	if after := descriptors(); after > before+MaxSockets { // the listeners themselves
		t.Errorf("%d descriptors more", after-before-MaxSockets)
	}
}

// TestNothingLeaks: descriptors that come with a broken message are closed.
func TestNothingLeaks(t *testing.T) {
	for name, frame := range map[string][]byte{
		"names do not match": framed(`{"sockets":{"ids":["a","b"]}}`),
		"not sockets":        framed(`{"ping":{"seq":1}}`),
		"not JSON":           framed(`{"ping`),
		"cut short":          framed(`{"sockets":{"ids":["a"]}}`)[:9],
		"too large":          {0xff, 0xff, 0xff, 0xff},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t)
			sock, err := SocketOf(listener(t))
			if err != nil {
				t.Fatal(err)
			}
			defer sock.Close()
			before := descriptors()
			if err := a.write(frame, unix.UnixRights(sock.fd)); err != nil {
				t.Fatal(err)
			}
			_ = a.Close() // one less
			if m, _, err := b.Receive(); err == nil || errors.Is(err, io.EOF) {
				t.Fatalf("%+v, %v", m, err)
			}
			if after := descriptors(); after != before-1 {
				t.Errorf("%d descriptors before, %d after", before, after)
			}
		})
	}
}

func framed(body string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func TestListenTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
	if _, err := Listen(path); !errors.Is(err, ErrInUse) {
		t.Errorf("second: %v", err)
	}
	_ = l.Close() // leaves a stale socket
	l, err = Listen(path)
	if err != nil {
		t.Fatalf("after the first: %v", err)
	}
	defer l.Close()
	c, err := Dial(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

// TestSendTimesOut: a peer that does not read does not hold the sender for ever.
func TestSendTimesOut(t *testing.T) {
	if testing.Short() {
		t.Skip("takes WriteTimeout")
	}
	t.Parallel()
	a, _ := pair(t)
	began := time.Now()
	err := a.Send(&Message{Snapshot: &route.Snapshot{App: strings.Repeat("x", 4<<20)}})
	if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > 2*WriteTimeout {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(framed(`{"ping":{"seq":1}}`))
	f.Add(framed(`{"sockets":{"ids":["a"]}}`))
	f.Add(framed(`{}`)[:3])
	f.Add([]byte{0x04, 0, 0, 1, '{'})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decode(bytes.NewReader(b))
		if (m == nil) == (err == nil) {
			t.Fatalf("%v, %v", m, err)
		}
		if err != nil {
			return
		}
		again, err := encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(bytes.NewReader(again)); err != nil {
			t.Fatal(err)
		}
	})
}
