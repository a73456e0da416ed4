package bus

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/enginetest"
	"github.com/banyanrun/banyan/internal/fault"
)

// queueSpec is for an engine that finds no duplicates.
func queueSpec(change ...func(*Topic, *Subscription)) Spec {
	return simple(append([]func(*Topic, *Subscription){func(t *Topic, _ *Subscription) { t.Dedup = 0 }}, change...)...)
}

func newQueueRig(t *testing.T, spec Spec) (*rig, *enginetest.Queue) {
	t.Helper()
	q := enginetest.NewQueue()
	r := &rig{t: t, engine: q, path: filepath.Join(t.TempDir(), "bus.db"), service: newService(t)}
	r.start(spec)
	t.Cleanup(r.stop)
	return r, q
}

// held counts what the engine would give again.
func held(t *testing.T, q *enginetest.Queue) int {
	t.Helper()
	c, err := q.Open(t.Context(), "t", "mail", nil) // gives back what was not done
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	stat, err := q.Stat(t.Context(), "t")
	if err != nil {
		t.Fatal(err)
	}
	return int(stat.Waiting["mail"])
}

// TestQueueRestart: with an engine that cannot replay, what was open when the bus
// ended comes again with its attempts, in its key's order, and what was done does not.
func TestQueueRestart(t *testing.T) {
	spec := queueSpec(func(_ *Topic, s *Subscription) {
		s.MaxAttempts, s.First, s.Most = 0, time.Millisecond, time.Millisecond
	})
	r, q := newQueueRig(t, spec)
	r.service.answers(func(w http.ResponseWriter, d delivered) {
		if d.header.Get("Ce-Subject") == "bad" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	r.publish("t", "bad:b1", "good:g1", "bad:b2", "good:g2")
	r.eventually("the first is tried again", func() bool { s := r.sub(); return s.Delivered == 2 && s.Failed >= 2 })
	if s := r.sub(); s.Lag != 2 || s.Open != 2 {
		t.Errorf("%+v", s)
	}
	r.stop()
	if n := held(t, q); n != 2 {
		t.Fatalf("the engine has %d events, not the 2 that failed", n)
	}
	before := len(r.service.wait(t, 4))
	r.service.answers(nil)
	r.start(spec)
	r.publish("t", "bad:b3", "good:g3")
	var ids []string
	for _, d := range r.service.wait(t, before+4)[before:] {
		if d.header.Get("Ce-Subject") == "bad" {
			ids = append(ids, d.id())
		}
		if n, _ := strconv.Atoi(d.attempt()); d.id() == "b1" && n < 3 {
			t.Errorf("it begins anew with attempt %s", d.attempt())
		}
	}
	if !slices.Equal(ids, []string{"b1", "b2", "b3"}) {
		t.Errorf("of one key come %v", ids)
	}
	r.eventually("nothing is left", func() bool { s := r.sub(); return s.Lag == 0 && s.Open == 0 })
	r.stop()
	if n := held(t, q); n != 0 {
		t.Errorf("the engine has %d events", n)
	}
}

// TestQueueLostDone: what the engine was not told to be done comes again, and is
// not delivered again.
func TestQueueLostDone(t *testing.T) {
	r, q := newQueueRig(t, queueSpec())
	r.publish("t", "a:1", "a:2")
	r.service.wait(t, 2)
	r.eventually("both are done", func() bool { return r.sub().Delivered == 2 })
	_, s, err := r.find("t", "mail")
	if err != nil {
		t.Fatal(err)
	}
	s.group.close() // the cursor, before progress is saved
	r.stop()
	if n := held(t, q); n != 2 {
		t.Skip("the engine was told at once") // a slow machine
	}
	r.start(queueSpec())
	r.publish("t", "a:3")
	if got := r.service.wait(t, 3); len(got) != 3 || got[2].id() != "3" {
		t.Errorf("%d deliveries", len(got))
	}
	r.eventually("the engine is told", func() bool { s := r.sub(); return s.Lag == 0 && s.Open == 0 })
	r.stop()
	if n := held(t, q); n != 0 {
		t.Errorf("the engine has %d events", n)
	}
}

// TestQueuePurged: events that were open and are gone hold up no others.
func TestQueuePurged(t *testing.T) {
	r, q := newQueueRig(t, queueSpec(func(_ *Topic, s *Subscription) { s.MaxAttempts = 0 }))
	r.service.answers(status(http.StatusInternalServerError))
	r.publish("t", "a:1", "b:2", "a:3")
	r.eventually("they are tried", func() bool { return r.sub().Failed >= 2 })
	r.service.answers(func(w http.ResponseWriter, d delivered) {
		if d.id() != "2" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	r.eventually("one is done", func() bool { return r.sub().Delivered == 1 })
	r.stop()
	if n := held(t, q); n != 2 {
		t.Fatalf("the engine has %d events", n)
	}
	q.Purge("t", "mail")
	r.service.answers(nil)
	r.start(queueSpec())
	before := len(r.service.wait(t, 0))
	r.publish("t", "a:4", "b:5")
	got := r.service.wait(t, before+2)[before:]
	if ids := []string{got[0].id(), got[1].id()}; !slices.Contains(ids, "4") || !slices.Contains(ids, "5") {
		t.Errorf("%v are delivered", ids)
	}
}

// TestQueueWindow: more events than an engine gives at a time, behind one another,
// are all delivered.
func TestQueueWindow(t *testing.T) {
	r, _ := newQueueRig(t, queueSpec(func(_ *Topic, s *Subscription) { s.MaxAttempts, s.Most = 0, time.Hour }))
	block := make(chan struct{})
	r.service.answers(func(http.ResponseWriter, delivered) { <-block })
	const events = 2500
	for n := 0; n < events; n += 500 {
		names := make([]string, 500)
		for i := range names {
			names[i] = fmt.Sprintf("k:%d", n+i)
		}
		r.publish("t", names...)
	}
	r.eventually("it is blocked", func() bool { s := r.sub(); return s.State == "blocked-keys" && s.Open == 1000 && s.Lag == events })
	close(block)
	for i, d := range r.service.wait(t, events) {
		if d.id() != strconv.Itoa(i) {
			t.Fatalf("%s comes when %d is next", d.id(), i)
		}
	}
}

// TestQueueRefuses: what cannot be had is said.
func TestQueueRefuses(t *testing.T) {
	r, _ := newQueueRig(t, queueSpec())
	if _, err := r.Replay(t.Context(), "t", "mail", "", ""); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("Replay: %v", err)
	}
	if err := r.Tail(t.Context(), "t", "", false, nil); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("Tail: %v", err)
	}
}
