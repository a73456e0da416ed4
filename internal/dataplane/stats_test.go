package dataplane_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/dataplane"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/link"
)

// TestStats: the keeper tells what the data plane has counted, until that dies.
func TestStats(t *testing.T) {
	b := newBed(t)
	b.run(b.config())
	b.bind()
	b.waitAck(b.publish("echo-1"))
	c := newClient(t)
	for range 3 {
		if _, err := fetch(c, "http://"+b.addr); err != nil {
			t.Fatal(err)
		}
	}
	s, err := b.k.Stats(t.Context())
	if err != nil || len(s.Edges) != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	total := s.Edges[0].Total()
	if e := s.Edges[0]; e.Caller != "gateway" || e.Callee != "echo" || e.Route != "/" || total.Requests != 3 || total.Latency.Count() != 3 {
		t.Errorf("%+v", e)
	}
	_ = b.proc(0).Kill()
	eventually(t, "another data plane counts anew", func() bool {
		again, err := b.k.Stats(t.Context())
		if err != nil && fault.CodeOf(err) != fault.Unavailable {
			t.Error(err)
		}
		return err == nil && again.Since.After(s.Since) && len(again.Edges) == 0
	})
}

// old is a data plane that takes part in the link and does not know StatsRequest.
type old struct{ done chan struct{} }

func (o old) Done() <-chan struct{} { return o.done }
func (o old) Kill() error           { return nil }

func oldPlane(t *testing.T, socket string) (proc dataplane.Process, asked <-chan struct{}) {
	t.Helper()
	l, err := link.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	o, requests := old{make(chan struct{})}, make(chan struct{}, 10)
	go func() {
		defer close(o.done)
		defer l.Close()
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_ = c.Send(&link.Message{Welcome: &link.Welcome{Binary: "v0.1"}})
		for {
			m, _, err := c.Receive()
			switch {
			case err != nil || m.Bye != nil:
				return
			case m.Ping != nil:
				_ = c.Send(&link.Message{Pong: &link.Pong{Seq: m.Ping.Seq}})
			case m.StatsRequest != nil:
				requests <- struct{}{}
			}
		}
	}()
	return o, requests
}

// TestStatsOfAnOldDataPlane: it never answers, and people are told.
func TestStatsOfAnOldDataPlane(t *testing.T) {
	b := newBed(t)
	cfg := b.config()
	proc, asked := oldPlane(t, filepath.Join(b.dir, "s"))
	cfg.Running = proc
	b.run(cfg)

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := b.k.Stats(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if testing.Short() {
		t.Skip("takes 3 s")
	}
	began := time.Now()
	_, err := b.k.Stats(t.Context())
	if fault.CodeOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "version v0.1, does not say") || !strings.Contains(err.Error(), "banyan down") {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	b.k.Leave()
	if _, err := b.k.Stats(t.Context()); fault.CodeOf(err) != fault.Unavailable {
		t.Error(err)
	}
}
