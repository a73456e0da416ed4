package bus

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/flow"
	"github.com/banyanrun/banyan/internal/bus/journal"
	"github.com/banyanrun/banyan/internal/bus/progress"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestManyOpenEvents: a service that takes nothing costs the bus no more memory
// than its bound, however much is published, and loses nothing of it.
func TestManyOpenEvents(t *testing.T) {
	events := 1_000_000
	if testing.Short() {
		events = 20_000
	}
	dir := t.TempDir()
	store, err := progress.Open(t.Context(), filepath.Join(dir, "bus.db"))
	if err != nil {
		t.Fatal(err)
	}
	engine := journal.New(journal.Config{Dir: filepath.Join(dir, "bus")})
	failing := func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusInternalServerError, Status: "500", Header: http.Header{}, Body: http.NoBody}, nil
	}
	b := New(Options{
		Engine: engine, Progress: store, Address: func(string) (string, bool) { return "127.0.0.1:1", true },
		Transport: roundTrip(failing), Logger: slog.New(slog.DiscardHandler), Sole: true,
	})
	spec := simple(func(topic *Topic, s *Subscription) {
		topic.Dedup, s.MaxAttempts, s.First, s.Most = 0, 0, 24*time.Hour, 24*time.Hour
	})
	if err := b.Configure(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, Bus: b, store: store}
	r.run()
	t.Cleanup(func() {
		r.stop()
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	before := heap()
	for n := 0; n < events; n += MaxEvents {
		names := make([]string, MaxEvents)
		for i := range names {
			names[i] = strconv.Itoa(n + i) // each a key of its own
		}
		r.publish("t", names...)
	}
	open := min(events, flow.MaxOpen)
	r.eventually("as much is open as may be", func() bool { s := r.sub(); return s.Open == open && s.Busy == 0 })
	if s := r.sub(); s.Lag != uint64(events) || events > open && s.State != "blocked-keys" {
		t.Errorf("%+v", s)
	}
	const bound = 100 << 20
	if grown := heap() - before; grown > bound {
		t.Errorf("%d events that are not taken cost %d MiB", events, grown>>20)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
