package coordinator

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/saga/definition"
	"github.com/banyanrun/banyan/internal/saga/machine"
)

// topics are topics of one partition in memory.
type topics struct {
	mu    sync.Mutex
	of    map[string][]json.RawMessage
	more  chan struct{} // closed at the next event
	reads int
}

func newTopics() *topics {
	return &topics{of: map[string][]json.RawMessage{}, more: make(chan struct{})}
}

func (ts *topics) publish(topic, subject string, data any) {
	text, _ := json.Marshal(map[string]any{"specversion": "1.0", "id": rand.Text(), "subject": subject, "data": data})
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.of[topic] = append(ts.of[topic], text)
	close(ts.more)
	ts.more = make(chan struct{})
}

func (ts *topics) End(_ context.Context, topic string) (Places, error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return Places{0: uint64(len(ts.of[topic]))}, nil
}

func (ts *topics) Read(ctx context.Context, topic string, from Places, most int) ([]Event, Places, error) {
	for {
		ts.mu.Lock()
		all, more := ts.of[topic], ts.more
		ts.reads++
		ts.mu.Unlock()
		if start := int(from[0]); start < len(all) {
			var events []Event
			for i := start; i < min(len(all), start+most); i++ {
				events = append(events, Event{Offset: uint64(i + 1), JSON: all[i]})
			}
			return events, Places{0: events[len(events)-1].Offset}, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

func settling(t *testing.T) *definition.Definition {
	t.Helper()
	return define(t, "settling", `{"steps": [`+step("charge", "payment")+`,
		{"name": "settled", "wait": {"topic": "payment.settled", "where": "event.subject == input.order && event.data.ok", "deadline": "1h"}, "output": "event.data"},
		`+step("ship", "shipping")+`]}`)
}

// TestWait: an event counts if it came after the start, also before the step was
// reached, and also after a restart.
func TestWait(t *testing.T) {
	w, events := newWorld(t), newTopics()
	events.publish("payment.settled", "o1", map[string]any{"ok": true}) // before the start
	w.answer = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/charge" && r.Header.Get("Banyan-Attempt") == "1" {
			for _, other := range []string{"o0", "o2"} {
				events.publish("payment.settled", other, map[string]any{"ok": true, "n": 7})
			}
		}
		return false
	}
	at := path(t)
	s := kept(t, at)
	o := Options{Store: s, Caller: w.caller(t), Events: events}
	r := run(t, o, settling(t))
	early := r.started(t, "settling", "k2", `{"amount":1,"order":"o2"}`).ID // its event comes during its first call
	late := r.started(t, "settling", "k1", `{"amount":1,"order":"o1"}`).ID
	saga := r.until(t, early, machine.Succeeded)
	if out := string(saga.State.Steps[1].Output); out != `{"n":7,"ok":true}` {
		t.Errorf("%s", out)
	}
	eventually(t, func() bool {
		saga, err := r.Get(t.Context(), "", late)
		return err == nil && saga.State.Steps[1].Phase == machine.Waiting
	})
	_ = r.stop()
	s.Close()
	events.publish("payment.settled", "o1", map[string]any{"ok": false})
	events.publish("payment.settled", "o1", map[string]any{"ok": true, "n": 8})
	s = kept(t, at)
	defer s.Close()
	o.Store = s
	r = run(t, o, settling(t))
	defer r.stop()
	saga = r.until(t, late, machine.Succeeded)
	if out := string(saga.State.Steps[1].Output); out != `{"n":8,"ok":true}` {
		t.Errorf("%s", out)
	}
	if waiting, err := s.Waiting(t.Context(), "payment.settled", nil, 0, 10); err != nil || len(waiting) != 0 {
		t.Errorf("%v %v", waiting, err)
	}
}

// TestManyWait: each saga gets its event, those that are not in memory too.
func TestManyWait(t *testing.T) {
	w, events := newWorld(t), newTopics()
	s := kept(t, path(t))
	defer s.Close()
	r := run(t, Options{Store: s, Caller: w.caller(t), Events: events, Documents: 5}, settling(t))
	defer r.stop()
	var ids [40]string
	for i := range ids {
		ids[i] = r.started(t, "settling", strconv.Itoa(i), fmt.Sprintf(`{"amount":1,"order":"o%d"}`, i)).ID
		events.publish("payment.settled", fmt.Sprint("o", i-20), map[string]any{"ok": true})
	}
	for i := range ids {
		events.publish("payment.settled", fmt.Sprint("o", i), map[string]any{"ok": true})
	}
	for _, id := range ids {
		r.until(t, id, machine.Succeeded)
	}
}

// TestTimers: what is due is done, also for sagas that are not in memory, and after a restart.
func TestTimers(t *testing.T) {
	w := newWorld(t)
	at := path(t)
	def := define(t, "slow", `{"steps": [{"name": "cool", "delay": "300ms"}, `+step("ship", "shipping")+`]}`)
	s := kept(t, at)
	r := run(t, Options{Store: s, Caller: w.caller(t), Documents: 2}, def)
	var ids [20]string
	for i := range ids {
		ids[i] = r.started(t, "slow", strconv.Itoa(i), `{"amount":1}`).ID
	}
	_ = r.stop()
	s.Close()
	s = kept(t, at)
	defer s.Close()
	r = run(t, Options{Store: s, Caller: w.caller(t), Documents: 2}, def)
	defer r.stop()
	for _, id := range ids {
		saga := r.until(t, id, machine.Succeeded)
		if took := saga.Updated.Sub(saga.Created); took < 300*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	}
}

func TestSubSagas(t *testing.T) {
	child := define(t, "wrap", `{"steps": [`+step("paper", "gifts")+`, `+step("bow", "gifts")+`]}`)
	parent := define(t, "gift", `{"steps": [`+step("reserve", "inventory")+`, {"name": "wrapped", "saga": "wrap"}, `+step("ship", "shipping")+`]}`)
	tests := []struct {
		no   string
		want machine.Status
		done []string
	}{
		{"/none", machine.Succeeded, []string{"reserve/do", "paper/do", "bow/do", "ship/do"}},
		{"/bow", machine.Compensated, []string{"reserve/do", "paper/do", "bow/undo", "paper/undo", "reserve/undo"}},
		{"/ship", machine.Compensated, []string{"reserve/do", "paper/do", "bow/do", "ship/undo", "bow/undo", "paper/undo", "reserve/undo"}},
	}
	for _, test := range tests {
		t.Run(test.no, func(t *testing.T) {
			w := newWorld(t)
			w.answer = refusal(test.no)
			s := kept(t, path(t))
			defer s.Close()
			r := run(t, Options{Store: s, Caller: w.caller(t)}, parent, child)
			defer r.stop()
			id := r.started(t, "gift", "k", `{"amount":1}`).ID
			r.until(t, id, test.want)
			if got := w.done(); !equal(got, test.done) {
				t.Errorf("%v\n%s", got, r.show(t, id))
			}
			children, err := r.List(t.Context(), Filter{Parent: id})
			if err != nil || len(children) != 1 || children[0].Name != "wrap" || children[0].Status != test.want {
				t.Errorf("%+v %v", children, err)
			}
		})
	}
	t.Run("no longer in force", func(t *testing.T) {
		w := newWorld(t)
		s := kept(t, path(t))
		defer s.Close()
		r := run(t, Options{Store: s, Caller: w.caller(t)}, parent)
		defer r.stop()
		r.until(t, r.started(t, "gift", "k", `{"amount":1}`).ID, machine.Compensated)
	})
}
