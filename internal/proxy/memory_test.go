package proxy

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

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
func bareClient(t *testing.T, addr string, receive int) int {
	t.Helper()
	to, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if receive > 0 {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receive)
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

// TestIdleConnectionMemory: what an idle keep-alive connection costs.
func TestIdleConnectionMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("opens 20,000 connections")
	}
	const spare = 1000
	crowd := int(descriptors(t, 2*20_000+spare, 2*5000+spare)-spare) / 2
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, text("hello")))
	gw := r.gateway(route.Route{Path: "/", To: "s"})
	r.snap.Gateway.IdleTimeout, r.snap.Gateway.HeaderTimeout = time.Hour, time.Hour
	r.snap.Gateway.AccessLog = false
	r.apply()
	addr := strings.TrimPrefix(gw, "http://")
	get(t, client(t), gw) // what is made once
	before := inUse()
	buf := make([]byte, 1024)
	ask := []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	fds := make([]int, 0, crowd)
	defer func() { closeAll(fds) }()
	for range crowd {
		fd := bareClient(t, addr, 0)
		fds = append(fds, fd)
		if _, err := unix.Write(fd, ask); err != nil {
			t.Fatal(err)
		}
		if n, err := unix.Read(fd, buf); err != nil || !strings.HasPrefix(string(buf[:n]), "HTTP/1.1 200") {
			t.Fatalf("%q, %v", buf[:n], err)
		}
	}
	if n := r.connections(); n < crowd {
		t.Fatalf("%d connections", n)
	}
	// The instance's idle connections go meanwhile.
	eventually(t, "only the clients are left", func() bool { return r.connections() <= crowd+2 })
	each := (inUse() - before) / int64(crowd)
	fmt.Printf("figure: %d bytes for an idle keep-alive connection (of %d; target 2048)\n", each, crowd)
	if each > 4<<10 {
		t.Errorf("%d bytes each", each)
	}
}

// TestSlowReaderMemory: what a client costs that reads a large answer slowly.
func TestSlowReaderMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("holds hundreds of slow readers")
	}
	// More of them would fill the kernel's memory for TCP: on both sides of the
	// engine it keeps megabytes for each, whoever reads.
	const crowd, size = 300, 10 << 20
	descriptors(t, 5*crowd, 5*crowd)
	for name, start := range map[string]func(testing.TB, http.HandlerFunc) string{"h1": backend, "h2c": h2cBackend} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			chunk := make([]byte, 64<<10) // shared: the instances' side is no matter here
			proto := route.HTTP1
			if name == "h2c" {
				proto = route.H2C
			}
			r.service("s", proto, "s-1", start(t, func(w http.ResponseWriter, q *http.Request) {
				w.Header().Set("Content-Length", strconv.Itoa(size))
				for range size / len(chunk) {
					if _, err := w.Write(chunk); err != nil || q.Context().Err() != nil {
						return
					}
				}
			}))
			gw := r.gateway(route.Route{Path: "/", To: "s"})
			r.snap.Gateway.IdleTimeout, r.snap.Gateway.AccessLog = time.Hour, false
			r.apply()
			addr := strings.TrimPrefix(gw, "http://")
			fds := make([]int, crowd)
			defer closeAll(fds)
			buf := make([]byte, 64<<10)
			before := inUse()
			for i := range fds {
				fds[i] = bareClient(t, addr, 16<<10)
				if _, err := unix.Write(fds[i], []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "all wait", func() bool { return r.e.InFlight() == crowd })
			most := int64(0)
			for range 6 { // read some, so that all are always behind
				for _, fd := range fds {
					for range 3 {
						_, _, _ = unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
					}
				}
				// What buffers that changed hands left behind is garbage, not held: it is gone when the engine rests.
				held := int64(0)
				eventually(t, "each holds little", func() bool {
					held = inUse() - before
					return held/crowd <= 300_000
				})
				most = max(most, held)
			}
			fmt.Printf("figure: %d bytes are held for a slow reader of %d bytes from %s, its instance's side included (target 200,000)\n", most/crowd, size, name)
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
			fds[i] = bareClient(t, strings.TrimPrefix(edge, "http://"), 0)
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
