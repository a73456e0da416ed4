package loop

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func group(tb testing.TB, n int) *Group {
	tb.Helper()
	g, err := NewGroup(n, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(g.Close)
	return g
}

// serve listens on loopback and returns the address.
func serve(tb testing.TB, g *Group, fn func(*Conn)) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	ln, err := g.Listen(l.(*net.TCPListener), fn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ln.Close()
		_ = l.Close()
	})
	return l.Addr().String()
}

// echo sends back what comes, with back-pressure, until the end.
func echo(c *Conn) {
	c.Serve(func(t *Task) {
		for {
			err := c.Fill(t, 0)
			for b := c.Buffered(); b != nil; b = c.Buffered() {
				c.Write(b)
				c.Consume(len(b))
			}
			if err != nil {
				c.Close()
				return
			}
			if c.Drain(t, HighWater, 0) != nil {
				c.Abort()
				return
			}
		}
	})
}

func exchange(t *testing.T, c net.Conn, size int) {
	t.Helper()
	want := make([]byte, size)
	_, _ = rand.Read(want)
	go func() {
		_, _ = c.Write(want)
		_ = c.(interface{ CloseWrite() error }).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d of %d bytes came back: %v", len(got), size, err)
	}
}

func TestEcho(t *testing.T) {
	addr := serve(t, group(t, 2), echo)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			exchange(t, c, 1+i*20_000)
		})
	}
	wg.Wait()
}

func TestSlowReader(t *testing.T) {
	g := group(t, 1)
	most := make(chan int, 1)
	addr := serve(t, g, func(c *Conn) {
		g.loops[0].Go(func(task *Task) {
			peak := 0
			for range 1000 {
				c.Write(make([]byte, 10_000))
				peak = max(peak, c.Pending())
				if err := c.Drain(task, HighWater, 0); err != nil {
					t.Error(err)
					break
				}
			}
			most <- peak
			c.Close()
		})
	})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	n, err := io.Copy(io.Discard, c)
	if n != 10_000_000 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	if peak := <-most; peak > HighWater+10_000 {
		t.Errorf("%d bytes were pending", peak)
	}
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestTLS(t *testing.T) {
	cfg := &tls.Config{Certificates: []tls.Certificate{certificate(t)}, MinVersion: tls.VersionTLS12}
	addr := serve(t, group(t, 2), func(c *Conn) {
		c.Serve(func(task *Task) {
			if err := c.Secure(task, cfg, 0); err != nil {
				t.Error(err)
				c.Abort()
				return
			}
			for {
				err := c.Fill(task, 0)
				c.Write(c.Buffered())
				c.Consume(len(c.Buffered()))
				if err != nil {
					c.Close()
					return
				}
				_ = c.Drain(task, HighWater, 0)
			}
		})
	})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, MaxVersion: version})
		if err != nil {
			t.Fatal(err)
		}
		exchange(t, c, 1_000_000)
		_ = c.Close()
	}
}

func TestDial(t *testing.T) {
	g := group(t, 1)
	addr := address(t, serve(t, g, echo))
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	closed := address(t, l.Addr().String())
	_ = l.Close()
	done := make(chan error, 2)
	g.loops[0].Post(func() {
		g.loops[0].Go(func(task *Task) {
			_, err := g.loops[0].Dial(task, closed, 0, nil)
			done <- err
			c, err := g.loops[0].Dial(task, addr, 0, nil)
			if err == nil {
				c.Write([]byte("hello"))
				for err == nil && len(c.Buffered()) < 5 {
					err = c.Fill(task, 0)
				}
				c.Close()
			}
			done <- err
		})
	})
	if err := <-done; err == nil {
		t.Error("connected to nobody")
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestDeadlineAndWake(t *testing.T) {
	g := group(t, 1)
	l := g.loops[0]
	errs := make(chan error, 8)
	var first *Task
	l.Post(func() {
		first = l.Go(func(task *Task) {
			errs <- task.Wait(l.Now() + int64(time.Millisecond)) // times out
			errs <- task.Wait(0)                                 // is woken
			errs <- task.Wait(0)                                 // ends with the loop
			errs <- task.Wait(0)
		})
	})
	if err := <-errs; !errors.Is(err, ErrTimeout) {
		t.Error(err)
	}
	l.Post(func() { first.Wake() })
	if err := <-errs; err != nil {
		t.Error(err)
	}
	g.Close()
	for range 2 {
		if err := <-errs; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
}

func TestAwait(t *testing.T) {
	g := group(t, 1)
	l := g.loops[0]
	release, other, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	l.Post(func() {
		l.Go(func(task *Task) {
			task.Await(func() { <-release })
			close(done)
		})
		l.Go(func(*Task) { close(other) })
	})
	<-other // the loop goes on
	go g.Close()
	close(release)
	<-done
	g.Close()
}

func TestPanicEndsOneTask(t *testing.T) {
	g := group(t, 1)
	l := g.loops[0]
	done := make(chan struct{})
	l.Post(func() {
		l.Go(func(*Task) { panic("on purpose") })
		l.Go(func(*Task) { close(done) })
	})
	<-done
}

func TestIdleConnectionHoldsNothing(t *testing.T) {
	g := group(t, 1)
	conns := make(chan *Conn, 1)
	addr := serve(t, g, func(c *Conn) {
		c.Serve(func(task *Task) {
			for {
				n, err := c.TryFill()
				if err != nil {
					c.Close()
					return
				}
				if n == 0 {
					return
				}
				c.Write(c.Buffered())
				c.Consume(len(c.Buffered()))
			}
		})
		conns <- c
	})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	one := <-conns
	for range 3 {
		_, _ = c.Write([]byte("ping"))
		if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		g.Each(func(*Loop) {
			if one.in != nil || one.out != nil || one.reader != nil {
				t.Errorf("it holds in %d out %d task %v", cap(one.in), cap(one.out), one.reader)
			}
		})
	}
}

func TestIdleTimer(t *testing.T) {
	g := group(t, 1)
	addr := serve(t, g, func(c *Conn) {
		c.Serve(func(*Task) { c.Close() })
		c.Idle(c.Loop().Now()+int64(5*time.Millisecond), c.Abort)
	})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestTimers(t *testing.T) {
	var h timers
	var fired []int64
	for i := range 100 {
		at := int64(i * 37 % 101)
		p := &probe{at: at, fire: func() { fired = append(fired, at) }}
		p.timer.owner = p
		h.arm(&p.timer, at)
		if i%3 == 0 { // moves later: fires once, at its new time
			p.at = at + 1000
		}
		if i%7 == 0 {
			h.disarm(&p.timer)
		}
	}
	h.fire(200)
	for i := 1; i < len(fired); i++ {
		if fired[i] < fired[i-1] {
			t.Fatal("not in order", fired)
		}
	}
	early := len(fired)
	h.fire(5000)
	if len(h) != 0 || len(fired) != 85 || early >= 60 {
		t.Errorf("%d left, %d fired, %d of them early", len(h), len(fired), early)
	}
}

type probe struct {
	at    int64
	timer timer
	fire  func()
}

func (p *probe) due() int64 { return p.at }
func (p *probe) expire()    { p.fire() }

// BenchmarkSwitch is a wake-up of a task and its next wait.
func BenchmarkSwitch(b *testing.B) {
	g := group(b, 1)
	l := g.loops[0]
	done := make(chan struct{})
	l.Post(func() {
		t := newTask(l)
		stop := false
		t.fn = func(t *Task) {
			for !stop {
				t.park(never)
			}
		}
		l.running++
		t.resume()
		for b.Loop() {
			t.resume()
		}
		stop = true
		t.resume()
		close(done)
	})
	<-done
}

// TestNoDelay: accepted connections have the listener's setting.
func TestNoDelay(t *testing.T) {
	set := make(chan int, 1)
	addr := serve(t, group(t, 1), func(c *Conn) {
		n, err := unix.GetsockoptInt(c.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY)
		if err != nil {
			t.Error(err)
		}
		set <- n
		c.Abort()
	})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if <-set == 0 {
		t.Error("small writes wait for acknowledgements")
	}
}
