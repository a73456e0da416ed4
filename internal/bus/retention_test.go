package bus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/enginetest"
	"github.com/banyanrun/banyan/internal/fault"
)

// TestTheSlowestHoldsWhatItNeeds: of two subscriptions the one that is behind decides what may go.
func TestTheSlowestHoldsWhatItNeeds(t *testing.T) {
	spec := simple(func(topic *Topic, _ *Subscription) { topic.MaxAge = time.Nanosecond })
	slow := spec.Subscriptions[0]
	slow.Service, slow.Path = "slow", "/slow"
	spec.Subscriptions = append(spec.Subscriptions, slow)
	r := newRig(t, spec)
	if err := r.Pause(t.Context(), "t", "slow"); err != nil {
		t.Fatal(err)
	}
	r.publish("t", "a:1", "a:2", "a:3")
	r.eventually("one has them", func() bool { return r.sub().Delivered == 3 && r.sub().Lag == 0 })
	if err := r.save(t.Context(), r.all()); err != nil {
		t.Fatal(err)
	}
	r.release(t.Context())
	if s := r.topic(); s.Events != 3 {
		t.Errorf("%d events are kept", s.Events)
	}
	if err := r.Resume(t.Context(), "t", "slow"); err != nil {
		t.Fatal(err)
	}
	r.eventually("nothing is kept that nobody needs", func() bool { return r.topic().Events == 0 })
	if got := r.service.wait(t, 6); len(got) != 6 {
		t.Errorf("%d deliveries", len(got))
	}
}

func TestLowest(t *testing.T) {
	at := func(part int32, offset uint64) engine.Position {
		return engine.Position{Partition: part, Offset: offset}
	}
	for _, c := range []struct{ a, b, want []engine.Position }{
		{nil, []engine.Position{at(0, 5)}, []engine.Position{at(0, 5)}},
		{[]engine.Position{at(0, 5), at(1, 1)}, []engine.Position{at(0, 4), at(1, 2)}, []engine.Position{at(0, 4), at(1, 1)}},
		{[]engine.Position{at(0, 5)}, []engine.Position{at(1, 5)}, []engine.Position{}},
		{[]engine.Position{}, []engine.Position{at(1, 5)}, []engine.Position{}},
	} {
		if got := lowest(c.a, c.b); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v and %v: %v", c.a, c.b, got)
		}
	}
}

// TestOpenEventsDropped: what a subscription had open and retention took meanwhile is counted, and the rest comes.
func TestOpenEventsDropped(t *testing.T) {
	spec := simple(func(topic *Topic, s *Subscription) {
		topic.MaxBytes, topic.DropOldest, s.MaxAttempts, s.First, s.Most = 4000, true, 0, time.Hour, time.Hour
	})
	r := newRig(t, spec)
	r.service.answers(func(w http.ResponseWriter, d delivered) {
		if d.header.Get("Ce-Subject") != "good" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	const open, more = 5, 100
	for n := range open {
		r.publish("t", strconv.Itoa(n))
	}
	r.publish("t", "good") // so that the others lie before what was read
	r.eventually("they are open", func() bool { s := r.sub(); return s.Retrying == open && s.Delivered == 1 })
	r.stop()
	for n := range more {
		e := engine.Record{ID: engine.IDOf("x", strconv.Itoa(n)), Time: time.Now(), Data: make([]byte, 100)}
		if _, err := r.engine.Publish(t.Context(), "t", []engine.Record{e}); err != nil {
			t.Fatal(err)
		}
	}
	r.service.answers(nil)
	r.start(spec)
	r.eventually("the end is reached", func() bool { return r.sub().Lag == 0 })
	if s := r.sub(); s.Lost == 0 || s.Lost+s.Delivered != open+more {
		t.Errorf("%+v", s)
	}
}

// TestLoad reads scattered records, some of which are gone.
func TestLoad(t *testing.T) {
	m := enginetest.NewMemory(time.Now)
	if err := m.Ensure(t.Context(), []engine.Topic{{Name: "t", MaxBytes: 60_000, DropOldest: true}}); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if _, err := m.Publish(t.Context(), "t", []engine.Record{{}}); err != nil {
			t.Fatal(err)
		}
	}
	stat, err := m.Stat(t.Context(), "t")
	if err != nil {
		t.Fatal(err)
	}
	start := stat.Partitions[0].Start.Offset
	if start == 0 {
		t.Fatal("nothing is gone")
	}
	places := []uint64{999, 1, start, start + 1, start + 2, start + 70, start + 300, start + 301, 1000, 2}
	want := []uint64{start + 1, start + 2, start + 70, start + 300, start + 301, 999, 1000}
	positions := make([]engine.Position, len(places))
	for i, offset := range places {
		positions[i].Offset = offset
	}
	found, err := load(t.Context(), m, "t", positions)
	var got []uint64
	for _, r := range found {
		got = append(got, r.Offset)
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v (%v)", got, want, err)
	}
}

// TestOneJobAtATime: a redrive can be ended, and there is no second one beside it.
func TestOneJobAtATime(t *testing.T) {
	r := newRig(t, simple(func(_ *Topic, s *Subscription) { s.MaxAttempts = 1 }))
	r.service.answers(status(http.StatusInternalServerError))
	r.publish("t", "a:1")
	r.eventually("it is dead", func() bool { return r.sub().Dead == 1 })
	r.service.answers(status(http.StatusServiceUnavailable, "Banyan-Error", "no-ready-instance"))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	before := len(r.service.wait(t, 0))
	go func() {
		_, err := r.Redrive(ctx, "t", "mail", nil)
		ended <- err
	}()
	r.service.wait(t, before+1)
	if _, err := r.Replay(t.Context(), "t", "mail", "", ""); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("%v", err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if s := r.sub(); s.Dead != 1 {
		t.Errorf("%+v", s)
	}
	r.service.answers(status(http.StatusGone))
	if report, err := r.Redrive(t.Context(), "t", "mail", nil); err != nil || report != (Report{}) {
		t.Errorf("a service that wants no more ends it: %+v %v", report, err)
	}
}

// TestFullOfNothing: a topic that is full of what was delivered takes more at once.
func TestFullOfNothing(t *testing.T) {
	r := newRig(t, simple(func(topic *Topic, _ *Subscription) { topic.MaxBytes = 600 }))
	for n := range 10 {
		r.publish("t", fmt.Sprint("k:", n))
		r.eventually("it is delivered", func() bool { s := r.sub(); return s.Delivered == int64(n+1) && s.Open == 0 })
	}
}
