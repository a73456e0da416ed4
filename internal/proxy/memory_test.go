package proxy

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/route"
	"golang.org/x/sys/unix"
)

// descriptors raises what this process may open to n, as far as that goes, and
// returns how many there may be; the test is skipped below least.
func descriptors(t *testing.T, n, least uint64) uint64 {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	for _, most := range []uint64{max(n, old.Max), old.Max} { // more than the hard limit needs a privilege
		limit := unix.Rlimit{Cur: min(n, most), Max: most}
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
			t.Cleanup(func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old) })
			if limit.Cur < least {
				break
			}
			return limit.Cur
		}
	}
	t.Skipf("%d descriptors are needed and %d allowed: run it below `ulimit -Hn %d`, as root", least, old.Max, n)
	return 0
}

// bareClient is a blocking client socket without goroutine, poller or buffer:
// it costs this process nothing. It is the caller's to close.
func bareClient(t *testing.T, addr string) int {
	t.Helper()
	to, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}); err != nil {
		t.Fatal(err)
	}
	return fd
}

func closeAll(fds []int) {
	for _, fd := range fds {
		if fd > 0 {
			_ = unix.Close(fd)
		}
	}
}

// inUse is what the process's heap and stacks hold, in bytes, once garbage is gone.
func inUse() int64 {
	runtime.GC()
	runtime.GC() // the first one may only have emptied pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// descriptorsFor bounds a crowd of n by the descriptors that may be, with some
// for the instances' connections and the loops.
func descriptorsFor(t *testing.T, n int) int {
	t.Helper()
	const spare = 100
	if most := int(descriptors(t, uint64(n+spare), uint64(min(n, 2000)+spare))) - spare; most < n {
		t.Logf("%d of %d connections: the hard limit of descriptors is too low", most, n)
		return most &^ 1
	}
	return n
}

// patientGateway is a gateway that waits as long as it takes, in front of an
// instance of that protocol that answers with size bytes.
func patientGateway(t *testing.T, proto route.Protocol, size int) (*rig, string) {
	t.Helper()
	r := newRig(t)
	r.service("s", proto, "s-1", instanceCrowd(t, proto == route.H2C, size))
	gw := r.gateway(route.Route{Path: "/", To: "s"})
	r.snap.Gateway.IdleTimeout, r.snap.Gateway.HeaderTimeout = time.Hour, time.Hour
	r.snap.Gateway.AccessLog = false
	return r, gw
}

// TestIdleConnectionMemory: what an idle connection costs that was used: no buffer
// that its answers needed is left. The clients and the instance are processes of
// their own: what grows is the engine.
func TestIdleConnectionMemory(t *testing.T) {
	isLong(t, "opens 20,000 connections")
	for _, c := range []struct {
		name  string
		order crowdOrder
		crowd int
		most  int64 // bytes each
	}{
		{"HTTP/1.1", crowdOrder{}, 20_000, 2 << 10},
		// The state of both sides' header compression (7 KiB of it the index and the
		// entries of ours), how streams ended, and a short output buffer.
		{"HTTP/2", crowdOrder{HTTP2: true}, 5000, 12 << 10},
		// crypto/tls keeps keys and a buffer for records, and a task waits for them.
		{"HTTP/1.1 over TLS", crowdOrder{TLS: true}, 1000, 24 << 10},
		{"HTTP/2 over TLS", crowdOrder{TLS: true, HTTP2: true}, 1000, (24 + 12) << 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			crowd := descriptorsFor(t, c.crowd)
			r, gw := patientGateway(t, route.HTTP1, 30<<10)
			if c.order.TLS {
				r.snap.Gateway.TLS = selfSigned(t, "localhost").files
			}
			r.apply()
			c.order.Addr = gw
			clientCrowds(t, 2, c.order) // so that what is made once is there
			before := inUse()
			clientCrowds(t, crowd, c.order)
			if n := r.connections(); n < crowd {
				t.Fatalf("%d connections", n)
			}
			each := (inUse() - before) / int64(crowd)
			fmt.Printf("figure: %d bytes for an idle connection that speaks %s (of %d)\n", each, c.name, crowd)
			if each > c.most {
				t.Errorf("%d bytes each, at most %d", each, c.most)
			}
		})
	}
}

// slowReaders and slowAnswer are those of TestSlowReaderMemory: 5 GB of answers in all.
const (
	slowReaders = 500
	slowAnswer  = 10 << 20
)

// TestSlowReaderMemory: what a client costs that reads a large answer slowly. The
// engine holds an output buffer for it, with room for another read, a short input
// of its instance's, the exchange and its task; the rest waits in the kernel and
// in the instance.
func TestSlowReaderMemory(t *testing.T) {
	isLong(t, "holds hundreds of slow readers")
	const most = loop.HighWater + loop.Large/2 + 2*loop.Small
	for _, proto := range []route.Protocol{route.HTTP1, route.H2C} {
		t.Run(string(proto), func(t *testing.T) {
			r, gw := patientGateway(t, proto, slowAnswer)
			r.apply()
			before := inUse()
			crowds := clientCrowds(t, slowReaders, crowdOrder{Addr: gw, Slow: 48 << 10})
			eventually(t, "all wait", func() bool { return r.e.InFlight() == slowReaders })
			held := int64(0) // at most, when the engine rests
			for range 6 {    // read some, so that all are always behind
				for _, c := range crowds {
					_, _ = io.WriteString(c.in, "\n")
				}
				for _, c := range crowds {
					c.line()
				}
				now := int64(0)
				eventually(t, "each holds little", func() bool {
					now = inUse() - before
					return now <= slowReaders*most
				})
				held = max(held, now)
			}
			fmt.Printf("figure: %d bytes are held for a slow reader of %d bytes from %s (of %d)\n", held/slowReaders, slowAnswer, proto, slowReaders)
		})
	}
}

// TestMemoryComesBack: what a crowd took is given back when it has gone.
func TestMemoryComesBack(t *testing.T) {
	if testing.Short() {
		t.Skip("opens connections by the thousand")
	}
	const crowd = 2000
	descriptors(t, 3*crowd, 3*crowd)
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, q *http.Request) {
		n, _ := io.Copy(io.Discard, q.Body)
		_, _ = fmt.Fprint(w, n)
	}))
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	get(t, client(t), edge)
	round := func() {
		fds := make([]int, crowd)
		for i := range fds {
			fds[i] = bareClient(t, strings.TrimPrefix(edge, "http://"))
			// Half a head, half a body, and nothing.
			_, _ = unix.Write(fds[i], []byte([...]string{"GET / HTTP/1.1\r\nHo", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc", "\r"}[i%3]))
		}
		// All of them at once, in each round: so much is pooled.
		eventually(t, "they are there", func() bool { return r.connections() >= crowd && r.e.InFlight() == (crowd+1)/3 })
		closeAll(fds)
		eventually(t, "they are gone", func() bool { return r.connections() <= 8 && r.e.InFlight() == 0 })
	}
	round() // fills the pools
	before := inUse()
	for range 3 {
		round()
	}
	// The instance's side of them, which is this process's, too, goes in its own time.
	eventually(t, "what three crowds took is back", func() bool { return inUse()-before <= 4<<20 })
}
