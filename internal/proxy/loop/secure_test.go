package loop

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// secured is a connection of the group's first loop that speaks TLS, and its peer.
func secured(t *testing.T, g *Group, version uint16) (*Conn, *tls.Conn) {
	t.Helper()
	c, raw := pair(t, g)
	peer := tls.Client(&holding{Conn: raw}, &tls.Config{InsecureSkipVerify: true, MaxVersion: version})
	done := make(chan error, 1)
	cfg := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	on(g, func(l *Loop) {
		l.Go(func(task *Task) { done <- c.Secure(task, cfg, 0) })
	})
	if err := peer.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return c, peer
}

// TestSecureAbort: what was decrypted and not taken holds no task once the connection is closed.
func TestSecureAbort(t *testing.T) {
	for name, end := range map[string]func(c *Conn, peer *tls.Conn){
		"closed here": func(c *Conn, _ *tls.Conn) { on(c.loop.group, func(*Loop) { c.Abort() }) },
		"reset by the peer": func(c *Conn, peer *tls.Conn) {
			_ = peer.NetConn().(*holding).Conn.(*net.TCPConn).SetLinger(0)
			_ = peer.NetConn().Close()
			until(t, c.loop.group, "the end is known", func(*Loop) bool { return c.Ended() })
			on(c.loop.group, func(*Loop) { c.Abort() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := logged(t, 1)
			c, peer := secured(t, g, tls.VersionTLS13)
			if _, err := peer.Write(make([]byte, 100_000)); err != nil {
				t.Fatal(err)
			}
			until(t, g, "something was decrypted", func(*Loop) bool { return len(c.secure.in) > 0 })
			end(c, peer)
			until(t, g, "no task is left", func(l *Loop) bool { return l.running == 0 })
		})
	}
}

// TestSecureEndWithUnreadData: the reader learns that the peer has gone, also
// while what was decrypted before waits for it.
func TestSecureEndWithUnreadData(t *testing.T) {
	g := logged(t, 1)
	c, peer := secured(t, g, tls.VersionTLS13)
	woken := make(chan bool, 1)
	_, _ = peer.Write([]byte("pipelined"))
	until(t, g, "it was decrypted", func(*Loop) bool { return len(c.secure.in) > 0 })
	on(g, func(l *Loop) {
		l.Go(func(task *Task) {
			c.Reader(task)
			for err := error(nil); err == nil && !c.Ended(); {
				err = task.Wait(0)
			}
			woken <- c.Ended()
		})
	})
	_ = peer.NetConn().Close()
	if !<-woken {
		t.Error("not ended")
	}
}

// TestSecureIdle: a connection that waits for its peer holds no buffer, in the
// middle of a record, too, and goes on where it was.
func TestSecureIdle(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		g := logged(t, 1)
		c, peer := secured(t, g, version)
		idle := func(*Loop) bool {
			_, _, err := unix.Recvfrom(c.fd, make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
			return errors.Is(err, unix.EAGAIN) && !c.canRead && c.secure.in == nil && c.in == nil
		}
		raw := peer.NetConn().(*holding)
		for _, said := range []string{"hello", "again"} {
			raw.hold, raw.kept = true, nil
			_, _ = io.WriteString(peer, said)
			raw.hold = false
			for _, piece := range [][]byte{raw.kept[:3], raw.kept[3:7], raw.kept[7:]} {
				until(t, g, "it holds no buffer", idle)
				_, _ = raw.Write(piece)
			}
			until(t, g, "the record is read", func(*Loop) bool {
				n, err := c.TryFill()
				if err != nil {
					t.Error(err)
				}
				return n > 0
			})
			on(g, func(*Loop) {
				if got := string(c.Buffered()); got != said {
					t.Errorf("%q", got)
				}
				c.Consume(len(c.Buffered()))
				c.Release()
			})
		}
	}
}

// holding keeps what is written while it is to hold it.
type holding struct {
	net.Conn

	hold bool
	kept []byte
}

func (h *holding) Write(p []byte) (int, error) {
	if !h.hold {
		return h.Conn.Write(p)
	}
	h.kept = append(h.kept, p...)
	return len(p), nil
}

// TestHandshakeTimeout: a client that says nothing, or too little, is left.
func TestHandshakeTimeout(t *testing.T) {
	for _, hello := range []string{"", "\x16\x03\x01\x02\x00", "\x16"} {
		g := logged(t, 1)
		c, peer := pair(t, g)
		_, _ = io.WriteString(peer, hello)
		result := make(chan error, 1)
		on(g, func(l *Loop) {
			l.Go(func(task *Task) {
				err := c.Secure(task, &tls.Config{Certificates: []tls.Certificate{certificate(t)}, MinVersion: tls.VersionTLS12},
					l.Now()+int64(20*time.Millisecond))
				c.Close()
				result <- err
			})
		})
		if err := <-result; !errors.Is(err, ErrTimeout) {
			t.Errorf("%q: %v", hello, err)
		}
		until(t, g, "nothing is left", func(l *Loop) bool { return l.running == 0 && l.Conns() == 0 })
	}
}

// TestAbortInHandshake ends the task that waits for it.
func TestAbortInHandshake(t *testing.T) {
	g := logged(t, 1)
	c, _ := pair(t, g)
	result := make(chan error, 1)
	cfg := &tls.Config{Certificates: []tls.Certificate{certificate(t)}, MinVersion: tls.VersionTLS12}
	on(g, func(l *Loop) {
		l.Go(func(task *Task) { result <- c.Secure(task, cfg, 0) })
	})
	on(g, func(*Loop) { c.Abort() })
	if err := <-result; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// dripping reads and writes a byte at a time.
type dripping struct{ net.Conn }

func (d dripping) Read(p []byte) (int, error) { return d.Conn.Read(p[:1]) }

func (d dripping) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := d.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// TestPartialRecords: handshake and records may come in any pieces.
func TestPartialRecords(t *testing.T) {
	cfg := &tls.Config{Certificates: []tls.Certificate{certificate(t)}, MinVersion: tls.VersionTLS12}
	addr := serve(t, logged(t, 1), func(c *Conn) {
		c.Loop().Go(func(task *Task) {
			if err := c.Secure(task, cfg, 0); err != nil {
				t.Error(err)
				c.Abort()
				return
			}
			echo(c)
		})
	})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		raw, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
		exchange(t, tls.Client(dripping{raw}, &tls.Config{InsecureSkipVerify: true, MaxVersion: version}), 5000)
		_ = raw.Close()
	}
}

// recording keeps what was read.
type recording struct {
	net.Conn
	got []byte
}

func (r *recording) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.got = append(r.got, p[:n]...)
	return n, err
}

// lastRecord is the type of the last TLS record in b.
func lastRecord(b []byte) (kind byte) {
	for len(b) >= 5 {
		kind = b[0]
		b = b[min(len(b), 5+int(binary.BigEndian.Uint16(b[3:]))):]
	}
	return kind
}

// TestCloseNotify: the end is said, so that it cannot be told from a cut otherwise.
func TestCloseNotify(t *testing.T) {
	const alert = 21
	for name, end := range map[string]func(*Conn){"close": (*Conn).Close, "half": (*Conn).CloseWrite} {
		g := logged(t, 1)
		conns := make(chan *Conn, 1)
		addr := serve(t, g, func(c *Conn) { conns <- c })
		raw, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
		seen := &recording{Conn: raw}
		c := <-conns
		cfg := &tls.Config{Certificates: []tls.Certificate{certificate(t)}, MinVersion: tls.VersionTLS12}
		on(g, func(l *Loop) {
			l.Go(func(task *Task) {
				if c.Secure(task, cfg, 0) == nil {
					c.Write(make([]byte, 300_000))
					end(c)
				}
			})
		})
		peer := tls.Client(seen, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
		if n, err := io.Copy(io.Discard, peer); n != 300_000 || err != nil {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
		if kind := lastRecord(seen.got); kind != alert {
			t.Errorf("%s: the last record is of type %d", name, kind)
		}
		_ = raw.Close()
	}
}

// TestSecureLaggingReader is TestLaggingReader with TLS.
func TestSecureLaggingReader(t *testing.T) {
	g := logged(t, 1)
	c, peer := secured(t, g, tls.VersionTLS13)
	most := 0
	const size = 2 << 20
	on(g, func(l *Loop) {
		lag(c)
		l.Go(func(task *Task) {
			c.Writer(task)
			for sent := 0; sent < size; {
				if room := min(HighWater-c.Pending(), 5000, size-sent); room > 0 {
					c.Write(make([]byte, room))
					sent += room
					continue
				}
				c.Flush()
				most = max(most, cap(c.secure.out))
				if c.Pending() >= HighWater {
					_ = task.Wait(0)
				}
			}
			c.Close()
		})
	})
	if n, err := io.Copy(io.Discard, dripless{peer}); n != size || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	on(g, func(*Loop) {
		if most > 4*HighWater {
			t.Errorf("the records' buffer grew to %d", most)
		}
	})
}

// dripless reads a little at a time, and gives no other way to read.
type dripless struct{ r io.Reader }

func (d dripless) Read(p []byte) (int, error) { return d.r.Read(p[:min(len(p), 10_000)]) }
