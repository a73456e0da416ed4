package dataplane_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/dataplane"
	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/route"
)

// found is a data plane that runs in this process, for the keeper to adopt.
type found struct {
	t    *testing.T
	conn *link.Conn
	done chan struct{}
}

func (f *found) Done() <-chan struct{} { return f.done }
func (f *found) Kill() error           { return nil }

// adoptBy has a keeper adopt a data plane that welcomes it so.
func adoptBy(t *testing.T, b *bed, w link.Welcome) *found {
	t.Helper()
	l, err := link.Listen(filepath.Join(b.dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	f := &found{t: t, done: make(chan struct{})}
	came := make(chan error, 1)
	go func() {
		var err error
		if f.conn, err = l.Accept(); err == nil {
			err = f.conn.Send(&link.Message{Welcome: &w})
		}
		came <- err
	}()
	cfg := b.config()
	cfg.Running = f
	b.k = dataplane.New(cfg)
	if err := b.k.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-came; err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = b.k.Run(t.Context())
	}()
	t.Cleanup(func() {
		close(f.done)
		b.k.Leave()
		_ = f.conn.Close()
		<-ended
	})
	return f
}

// receive is the next message that brings a snapshot or a part of one.
func (f *found) receive() *link.Message {
	f.t.Helper()
	_ = f.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		m, sockets, err := f.conn.Receive()
		if err != nil {
			f.t.Fatal(err)
		}
		link.CloseSockets(sockets)
		if m.Snapshot != nil || m.Part != nil {
			return m
		}
	}
}

func (f *found) ack(a link.Ack) {
	f.t.Helper()
	if err := f.conn.Send(&link.Message{Ack: &a}); err != nil {
		f.t.Fatal(err)
	}
}

// TestOldDataPlane: one that knows nothing of parts gets whole snapshots.
func TestOldDataPlane(t *testing.T) {
	b := newBed(t)
	f := adoptBy(t, b, link.Welcome{Binary: "old"})
	for _, id := range []string{"echo-1", "echo-2"} {
		v := b.publish(id)
		m := f.receive()
		if m.Snapshot == nil || m.Snapshot.Version != v || m.Snapshot.Services["echo"].Instances[0].ID != id {
			t.Fatalf("%+v", m)
		}
		f.ack(link.Ack{Version: v})
		b.waitAck(v)
	}
}

// TestPartsAgain: changes are sent alone, and a data plane that cannot put them
// together gets the whole snapshot.
func TestPartsAgain(t *testing.T) {
	b := newBed(t)
	f := adoptBy(t, b, link.Welcome{Binary: "new", Parts: true})
	var parts link.Assembler
	receive := func() (s *route.Snapshot, base route.Version) {
		t.Helper()
		for s == nil {
			m := f.receive()
			if m.Part == nil {
				t.Fatalf("%+v", m)
			}
			var err error
			if s, err = parts.Add(m.Part); err != nil {
				t.Fatal(err)
			}
			base = m.Part.Base
		}
		return s, base
	}
	apply := func(v, base route.Version, id string) {
		t.Helper()
		s, got := receive()
		if s.Version != v || got != base || s.Services["echo"].Instances[0].ID != id {
			t.Fatalf("%+v of %v; want %v of %v", s, got, v, base)
		}
		parts.Agree()
		f.ack(link.Ack{Version: v})
		b.waitAck(v)
	}
	first := b.publish("echo-1")
	apply(first, route.Version{}, "echo-1")
	second := b.publish("echo-2")
	apply(second, first, "echo-2")

	third := b.publish("echo-3")
	receive()
	f.ack(link.Ack{Version: third, Error: "they do not fit", Again: true})
	apply(third, route.Version{}, "echo-3")

	// A refusal for good keeps what is in force.
	fourth := b.publish("echo-4")
	receive()
	f.ack(link.Ack{Version: fourth, Error: "no socket"})
	fifth := b.publish("echo-5")
	apply(fifth, third, "echo-5")
}
