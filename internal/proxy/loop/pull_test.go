package loop

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"testing"
)

// relay moves what comes from one connection to another by Pull until the end,
// and sends on done what it moved.
func relay(to, from *Conn, sure bool, done chan<- int) {
	from.Loop().Go(func(t *Task) {
		from.Reader(t)
		to.Writer(t)
		moved := 0
		for {
			n := 0
			var err error
			if room := to.Room(); room > 0 {
				n, err = to.Pull(from, room, sure)
			}
			moved += n
			if err != nil || to.WriteErr() != nil {
				from.Abort()
				to.Close()
				done <- moved
				return
			}
			if n == 0 {
				_ = t.Wait(0)
			}
		}
	})
}

// pulled is a relay from one socket of ours to another.
func pulled(t *testing.T, sure, lagging bool) (in, out *net.TCPConn, to *Conn, done <-chan int) {
	t.Helper()
	g := group(t, 1)
	from, in := pair(t, g)
	to, out = pair(t, g)
	ended := make(chan int, 1)
	on(g, func(*Loop) {
		if lagging {
			lag(to)
		}
		relay(to, from, sure, ended)
	})
	return in, out, to, ended
}

// TestPull: all bytes arrive in order, with and without copies, whether the
// receiver is fast or leaves output behind.
func TestPull(t *testing.T) {
	want := make([]byte, 3<<20)
	_, _ = rand.Read(want)
	for name, c := range map[string]struct{ sure, lagging, lame bool }{
		"small pieces first": {}, "at once": {sure: true}, "lagging": {sure: true, lagging: true}, "without splice": {sure: true, lame: true},
	} {
		t.Run(name, func(t *testing.T) {
			in, out, to, done := pulled(t, c.sure, c.lagging)
			if c.lame {
				on(to.loop.group, func(l *Loop) { l.pipe.giveUp() })
			}
			go func() {
				_, _ = in.Write(want)
				_ = in.CloseWrite()
			}()
			got, err := io.ReadAll(out)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d of %d bytes came: %v", len(got), len(want), err)
			}
			if n := <-done; n != len(want) {
				t.Errorf("%d bytes were moved", n)
			}
			var sent int64
			on(to.loop.group, func(*Loop) { sent = to.Sent() })
			if sent != int64(len(want)) {
				t.Errorf("%d bytes were sent", sent)
			}
		})
	}
}

// TestPullToNobody: a receiver that leaves amid a transfer is an error of its
// side, and the next transfer of the loop begins with an empty pipe.
func TestPullToNobody(t *testing.T) {
	in, out, to, done := pulled(t, true, true)
	go func() {
		for chunk := make([]byte, 64<<10); ; {
			if _, err := in.Write(chunk); err != nil {
				return
			}
		}
	}()
	_, _ = io.ReadFull(out, make([]byte, 64<<10))
	_ = out.SetLinger(0)
	_ = out.Close()
	<-done
	g := to.loop.group
	from, next := pair(t, g)
	other, reader := pair(t, g)
	ended := make(chan int, 1)
	on(g, func(*Loop) { relay(other, from, true, ended) })
	_, _ = io.WriteString(next, "hello")
	_ = next.CloseWrite()
	got, err := io.ReadAll(reader)
	if string(got) != "hello" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestPullBroken: a sender that breaks the connection is an error, not an end.
func TestPullBroken(t *testing.T) {
	g := group(t, 1)
	from, in := pair(t, g)
	to, _ := pair(t, g)
	_ = in.SetLinger(0)
	_ = in.Close()
	until(t, g, "the reset is there", func(*Loop) bool { return from.Ended() })
	on(g, func(*Loop) {
		n, err := to.Pull(from, HighWater, true)
		if n != 0 || err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%d, %v", n, err)
		}
	})
}

// TestPullHoldsLittle: for a receiver that takes nothing, what it has not taken
// stays in the sender's socket, not in a buffer.
func TestPullHoldsLittle(t *testing.T) {
	in, out, to, _ := pulled(t, true, false)
	_ = out.SetReadBuffer(4096)
	go func() { _, _ = in.Write(make([]byte, 64<<20)) }()
	sent := int64(-1)
	until(t, to.loop.group, "it is stuck", func(*Loop) bool {
		before := sent
		sent = to.Sent()
		return sent > 0 && sent == before && to.Room() == 0
	})
	on(to.loop.group, func(*Loop) {
		if to.Pending() > HighWater/2 {
			t.Errorf("%d bytes are pending", to.Pending())
		}
	})
}
