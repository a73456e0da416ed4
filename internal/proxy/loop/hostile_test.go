package loop

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// logged is a group; the test fails if one of its tasks panics.
func logged(t *testing.T, n int) *Group {
	t.Helper()
	var log bytes.Buffer
	g, err := NewGroup(n, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		g.Close()
		if strings.Contains(log.String(), "panic") {
			t.Error(log.String())
		}
	})
	return g
}

// on runs fn on the group's first loop and waits for its end.
func on(g *Group, fn func(*Loop)) {
	g.Each(func(l *Loop) {
		if l.Index == 0 {
			fn(l)
		}
	})
}

// until asks again, turn after turn, until ok.
func until(t *testing.T, g *Group, what string, ok func(*Loop) bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		done := false
		on(g, func(l *Loop) { done = ok(l) })
		if done {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// pair is a connection of the group's first loop, and its peer.
func pair(t *testing.T, g *Group) (*Conn, *net.TCPConn) {
	t.Helper()
	conns := make(chan *Conn, 1)
	addr := serve(t, g, func(c *Conn) { conns <- c })
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return <-conns, c.(*net.TCPConn)
}

// TestClosedBeforeItsTask: an event makes a task, and the connection is closed before that runs.
func TestClosedBeforeItsTask(t *testing.T) {
	g := logged(t, 1)
	c, _ := pair(t, g)
	called := false
	on(g, func(*Loop) {
		c.Serve(func(*Task) { called = true })
		c.event(readable)
		c.Abort()
	})
	until(t, g, "its task ends", func(l *Loop) bool { return l.running == 0 && c.reader == nil })
	if called {
		t.Error("served after its end")
	}
}

// TestIdleAfterClose: a closed connection is not held by a timer.
func TestIdleAfterClose(t *testing.T) {
	g := logged(t, 1)
	c, _ := pair(t, g)
	on(g, func(l *Loop) {
		c.Abort()
		c.Idle(l.Now()+int64(time.Hour), c.Abort)
		if len(l.timers) != 0 {
			t.Error("a timer is armed")
		}
	})
}

// TestCloseIsBounded: a peer that does not read cannot keep a closed connection.
func TestCloseIsBounded(t *testing.T) {
	g := logged(t, 1)
	on(g, func(*Loop) { g.patience = 20 * time.Millisecond })
	c, peer := pair(t, g)
	on(g, func(*Loop) {
		c.Write(make([]byte, 32<<20)) // more than the kernel takes
		c.Idle(c.loop.Now()+int64(time.Hour), func() { t.Error("the idle timer of before") })
		c.Close()
		c.Idle(0, nil) // changes nothing any more
	})
	until(t, g, "it is closed", func(l *Loop) bool { return c.fd < 0 && l.Conns() == 0 })
	if _, err := io.Copy(io.Discard, peer); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the peer cannot tell that something is missing: %v", err)
	}
}

// TestCloseWaitsForProgress: a slow peer gets it all.
func TestCloseWaitsForProgress(t *testing.T) {
	g := logged(t, 1)
	c, peer := pair(t, g)
	const size = 16 << 20
	on(g, func(*Loop) {
		c.Write(make([]byte, size))
		c.Close()
	})
	if n, err := io.Copy(io.Discard, peer); n != size || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// lag makes the kernel take little of c's output at a time, so that some is always pending.
func lag(c *Conn) { _ = unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4096) }

// TestLaggingReader: a peer that is always behind, but reads, costs what is pending and no more.
func TestLaggingReader(t *testing.T) {
	g := logged(t, 1)
	c, peer := pair(t, g)
	most := 0
	on(g, func(l *Loop) {
		lag(c)
		l.Go(func(task *Task) {
			c.Writer(task)
			for sent := 0; sent < 2<<20; {
				room := HighWater - c.Pending()
				if room > 0 {
					c.Write(make([]byte, min(room, 5000)))
					sent += min(room, 5000)
					most = max(most, cap(c.out))
					continue
				}
				c.Flush()
				if c.Pending() == HighWater {
					_ = task.Wait(0)
				}
			}
			c.Close()
		})
	})
	n := 0
	buf := make([]byte, 10_000)
	for {
		k, err := peer.Read(buf)
		n += k
		if err != nil {
			break
		}
	}
	on(g, func(*Loop) {
		if n < 2<<20 || most > 4*HighWater {
			t.Errorf("%d bytes came; the buffer grew to %d", n, most)
		}
	})
}

// TestFairShare: one connection's input does not fill a turn.
func TestFairShare(t *testing.T) {
	g := logged(t, 1)
	c, peer := pair(t, g)
	const size, share = 1 << 20, 256 << 10
	on(g, func(*Loop) { _ = unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4*size) })
	go func() {
		_, _ = peer.Write(make([]byte, size))
		_ = peer.CloseWrite()
	}()
	until(t, g, "all of it is there", func(*Loop) bool { return c.ended })
	total, turns, most := 0, map[int64]int{}, 0
	ended := false
	on(g, func(l *Loop) {
		c.Serve(func(*Task) {
			for {
				n, err := c.TryFill()
				total += n
				turns[l.turn] += n
				most = max(most, turns[l.turn])
				c.Consume(len(c.Buffered()))
				if err != nil {
					ended = true
					c.Abort()
					return
				}
				if n == 0 {
					return
				}
			}
		})
	})
	until(t, g, "all of it was read", func(*Loop) bool { return ended })
	if total != size || len(turns) < size/share || most > share+Large {
		t.Errorf("%d bytes in %d turns, at most %d", total, len(turns), most)
	}
}

// TestEndWithUnreadData: what came before the end is read, however late.
func TestEndWithUnreadData(t *testing.T) {
	g := logged(t, 1)
	c, peer := pair(t, g)
	_, _ = peer.Write(make([]byte, 100_000))
	_ = peer.CloseWrite()
	until(t, g, "the end is known", func(*Loop) bool { return c.Ended() })
	got := make(chan int, 1)
	on(g, func(*Loop) {
		n := 0
		c.Serve(func(task *Task) {
			for {
				err := c.Fill(task, 0)
				n += len(c.Buffered())
				c.Consume(len(c.Buffered()))
				if err != nil {
					got <- n
					c.Close()
					return
				}
			}
		})
	})
	if n := <-got; n != 100_000 {
		t.Errorf("%d bytes", n)
	}
}

// TestWriterIsWoken: who waits for room learns of the peer's end.
func TestWriterIsWoken(t *testing.T) {
	g := logged(t, 1)
	c, peer := pair(t, g)
	result := make(chan error, 1)
	on(g, func(l *Loop) {
		l.Go(func(task *Task) {
			c.Write(make([]byte, 32<<20))
			result <- c.Drain(task, 0, 0)
			c.Abort()
		})
	})
	_ = peer.SetLinger(0)
	_ = peer.Close()
	if err := <-result; err == nil {
		t.Error("all was sent")
	}
}

// TestGatherGoesOn: what is gathered piece by piece goes out to its end without another event.
func TestGatherGoesOn(t *testing.T) {
	t.Run("at once", func(t *testing.T) { testGatherGoesOn(t, func(*Conn) {}) })
	t.Run("as the peer reads", func(t *testing.T) { testGatherGoesOn(t, lag) })
}

func testGatherGoesOn(t *testing.T, prepare func(*Conn)) {
	t.Helper()
	g := logged(t, 1)
	c, peer := pair(t, g)
	const piece, pieces = 1000, 500
	left := pieces
	on(g, func(*Loop) {
		prepare(c)
		c.Gather(func() {
			if left > 0 && c.Pending() == 0 {
				left--
				c.Write(make([]byte, piece))
			}
		})
		c.Mark()
	})
	if _, err := io.ReadFull(peer, make([]byte, piece*pieces)); err != nil {
		t.Error(err)
	}
}

func TestQuiet(t *testing.T) {
	g := logged(t, 1)
	c, peer := pair(t, g)
	on(g, func(*Loop) {
		c.canRead = true // a read that filled its buffer leaves it so
		if !c.Quiet() || c.canRead {
			t.Error("there is nothing, and it is not quiet")
		}
	})
	_, _ = peer.Write([]byte("x"))
	until(t, g, "a byte came", func(*Loop) bool { return !c.Quiet() })
	on(g, func(*Loop) {
		_, _ = c.TryFill()
		if c.Quiet() {
			t.Error("a byte is unread")
		}
		c.Consume(1)
		if !c.Quiet() {
			t.Error("it was read")
		}
	})
	_ = peer.Close()
	until(t, g, "the end came", func(*Loop) bool { return !c.Quiet() })
}

// descriptors is how many descriptors this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	for _, dir := range []string{"/proc/self/fd", "/dev/fd"} {
		if list, err := os.ReadDir(dir); err == nil {
			return len(list)
		}
	}
	t.Skip("descriptors cannot be counted here")
	return 0
}

// TestNoDescriptorIsLost: however connections end, none stays open.
func TestNoDescriptorIsLost(t *testing.T) {
	before := descriptors(t)
	g := logged(t, 2)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ends := []func(*Conn){
		func(c *Conn) { c.Close() },
		func(c *Conn) { c.Abort() },
		func(c *Conn) { c.Reset() },
		func(c *Conn) { c.Write(make([]byte, 1000)); c.Close(); c.Abort() },
		func(c *Conn) { c.Serve(func(*Task) { c.Close() }) },
		func(*Conn) {}, // ends with the group
	}
	var mu sync.Mutex
	next := 0
	ln, err := g.Listen(l.(*net.TCPListener), func(c *Conn) {
		mu.Lock()
		end := ends[next%len(ends)]
		next++
		mu.Unlock()
		end(c)
	})
	if err != nil {
		t.Fatal(err)
	}
	var peers []net.Conn
	for range 60 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err == nil { // it may be reset that fast
			peers = append(peers, c)
		}
	}
	ln.Close() // some may still be on their way from loop to loop
	g.Close()
	_ = l.Close()
	for _, c := range peers {
		_ = c.Close()
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// TestManyTasks: coroutines beyond those that are kept end.
func TestManyTasks(t *testing.T) {
	g := logged(t, 1)
	on(g, func(l *Loop) {
		for range 3 * maxIdle {
			l.Go(func(task *Task) { _ = task.Wait(l.Now() + int64(time.Millisecond)) })
		}
	})
	until(t, g, "they end", func(l *Loop) bool { return l.running == 0 && len(l.tasks) == len(l.idle) && len(l.idle) <= maxIdle })
}
