package loop

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// lines is a log that counts.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), what)
}

// TestAcceptShortOfDescriptors: a listener whose connections cannot be accepted
// rests between its attempts, and goes on when they can.
func TestAcceptShortOfDescriptors(t *testing.T) {
	const loops = 2
	log := &lines{}
	g, err := NewGroup(loops, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan struct{}, 1)
	ln, err := g.Listen(l.(*net.TCPListener), func(c *Conn) {
		c.Abort()
		served <- struct{}{}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Max: old.Max}); err != nil {
		t.Skip(err)
	}
	feed := func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old) }
	defer feed()
	turns := func() (n int64) {
		var mu sync.Mutex
		g.Each(func(l *Loop) {
			mu.Lock()
			defer mu.Unlock()
			n += l.turn
		})
		return n
	}
	asked := int64(0)
	before, began := turns(), time.Now()
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: l.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	until(t, g, "it tried again and again", func(*Loop) bool {
		asked++
		return log.count("accept") >= 3*loops
	})
	if took := time.Since(began); took < 200*time.Millisecond { // two of the three rests of one loop at least
		t.Errorf("%d attempts in %s", log.count("accept"), took)
	}
	// Each attempt takes a turn for the connection and one for the timer; asking takes one of each loop.
	if n, most := turns()-before, 4*int64(log.count("accept"))+loops*(asked+4); n > most {
		t.Errorf("%d turns for %d attempts", n, log.count("accept"))
	}
	select {
	case <-served:
		t.Error("accepted without a descriptor")
	default:
	}
	feed()
	<-served
}
