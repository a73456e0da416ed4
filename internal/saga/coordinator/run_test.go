package coordinator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/saga/store"
)

func equal(a, b []string) bool { return slices.Equal(a, b) }

// failing is a store that cannot be written now and then.
type failing struct {
	store.Store
	mu    sync.Mutex
	times int
}

func (f *failing) Update(ctx context.Context, c store.Change) error {
	f.mu.Lock()
	fails := f.times > 0
	f.times--
	f.mu.Unlock()
	if fails {
		return fault.New(fault.Unavailable, "the disk is full")
	}
	return f.Store.Update(ctx, c)
}

// refusal makes a world answer no to requests of a path.
func refusal(path string) func(http.ResponseWriter, *http.Request) bool {
	return func(out http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != path {
			return false
		}
		out.Header().Set("Banyan-Outcome", "abort")
		http.Error(out, "no money", http.StatusConflict)
		return true
	}
}

func TestAbort(t *testing.T) {
	w := newWorld(t)
	w.answer = refusal("/charge")
	s := kept(t, path(t))
	defer s.Close()
	r := run(t, Options{Store: s, Caller: w.caller(t)}, checkout(t))
	defer r.stop()
	id := r.started(t, "checkout", "k", `{"amount":1}`).ID
	saga := r.until(t, id, machine.Compensated)
	if got := w.done(); !equal(got, []string{"reserve/do", "charge/undo", "reserve/undo"}) {
		t.Errorf("%v", got)
	}
	if saga.State.Reason != "the step charge was refused: no money" {
		t.Errorf("the reason is %q", saga.State.Reason)
	}
}

// TestAttention: a person retries, skips, compensates or cancels.
func TestAttention(t *testing.T) {
	tests := []struct {
		name string
		do   func(r *runner, id string) (Saga, error)
		want machine.Status
		done []string
	}{
		{"retry", func(r *runner, id string) (Saga, error) { return r.Retry(t.Context(), "", id, "charge") }, machine.Succeeded, []string{"reserve/do", "charge/do", "ship/do"}},
		{"skip", func(r *runner, id string) (Saga, error) { return r.Skip(t.Context(), "shop", id, "charge") }, machine.Succeeded, []string{"reserve/do", "ship/do"}},
		{"compensate", func(r *runner, id string) (Saga, error) { return r.Compensate(t.Context(), "", id, "no") }, machine.Compensated, nil},
		{"cancel", func(r *runner, id string) (Saga, error) { return r.Cancel(t.Context(), "", id, "no") }, machine.Compensated, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			var good sync.Once
			w.answer = func(out http.ResponseWriter, r *http.Request) (answered bool) {
				if r.URL.Path == "/charge" {
					good.Do(func() { answered = true; out.WriteHeader(http.StatusBadRequest) })
				}
				return answered
			}
			s := kept(t, path(t))
			defer s.Close()
			r := run(t, Options{Store: s, Caller: w.caller(t)}, checkout(t))
			defer r.stop()
			id := r.started(t, "checkout", "k", `{"amount":1}`).ID
			r.until(t, id, machine.NeedsAttention)
			if _, err := test.do(r, id); err != nil {
				t.Fatal(err)
			}
			r.until(t, id, test.want)
			if got := w.done(); test.done != nil && !equal(got, test.done) {
				t.Errorf("%v\n%s", got, r.show(t, id))
			}
			if _, err := test.do(r, id); !errors.Is(err, machine.ErrState) {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// TestPending: an answer of 202 is asked after, or told by the service.
func TestPending(t *testing.T) {
	w := newWorld(t)
	w.answer = func(out http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.URL.Path == "/reserve":
			out.Header().Set("Location", "/jobs/1")
			out.WriteHeader(http.StatusAccepted)
		case r.URL.Path == "/jobs/1":
			fmt.Fprint(out, `{"job":1}`)
		case r.URL.Path == "/charge":
			out.WriteHeader(http.StatusAccepted)
		default:
			return false
		}
		return true
	}
	s := kept(t, path(t))
	defer s.Close()
	r := run(t, Options{Store: s, Caller: w.caller(t)}, checkout(t))
	defer r.stop()
	id := r.started(t, "checkout", "k", `{"amount":1}`).ID
	isPending := errors.New("pending")
	err := r.Watch(t.Context(), "", id, 0, func(s Saga, _ []Entry) error {
		if s.State.Steps[1].Phase == machine.Pending {
			return isPending
		}
		return nil
	})
	if !errors.Is(err, isPending) {
		t.Fatal(err)
	}
	done := machine.Outcome{Kind: machine.OutcomeDone, Status: 200, Body: json.RawMessage(`{"paid":true}`)}
	if _, err := r.Answer(t.Context(), "shipping", id, "charge", "", done); !errors.Is(err, ErrRefused) {
		t.Errorf("another service: %v", err)
	}
	if _, err := r.Answer(t.Context(), "payment", id, "charge", machine.Do, done); err != nil {
		t.Fatal(err)
	}
	saga := r.until(t, id, machine.Succeeded)
	if string(saga.State.Steps[0].Output) != `{"job":1}` || string(saga.State.Steps[1].Output) != `{"paid":true}` {
		t.Errorf("%+v", saga.State.Steps)
	}
	if _, err := r.Answer(t.Context(), "payment", id, "charge", "", done); !errors.Is(err, ErrEnded) {
		t.Errorf("too late: %v", err)
	}
}

// TestManyAtOnce: sagas that find no room in memory are run when there is some, and
// nothing is kept of those that have ended.
func TestManyAtOnce(t *testing.T) {
	w := newWorld(t)
	s := kept(t, path(t))
	defer s.Close()
	r := run(t, Options{Store: s, Caller: w.caller(t), Documents: 4, Calls: 2, PerSaga: 1}, checkout(t))
	defer r.stop()
	var ids [60]string
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() { ids[i] = r.started(t, "checkout", strconv.Itoa(i), `{"amount":1}`).ID })
	}
	wg.Wait()
	for _, id := range ids {
		r.until(t, id, machine.Succeeded)
	}
	term := r.running.Load()
	eventually(t, func() bool {
		term.mu.Lock()
		defer term.mu.Unlock()
		return len(term.sagas) == 0 && len(term.overflow) == 0
	})
	if n := len(w.effects); n != 3*len(ids) {
		t.Errorf("%d effects", n)
	}
	for key, n := range w.effects {
		if n != 1 {
			t.Errorf("%s: %d", key, n)
		}
	}
}

func TestAccess(t *testing.T) {
	w := newWorld(t)
	s := kept(t, path(t))
	defer s.Close()
	limited := define(t, "limited", `{"started_by": ["shop"], "steps": [`+step("reserve", "inventory")+`]}`)
	r := run(t, Options{Store: s, Caller: w.caller(t)}, checkout(t), limited)
	defer r.stop()
	id := r.started(t, "limited", "k", `{"amount":1}`).ID
	r.until(t, id, machine.Succeeded)
	if _, err := r.Start(t.Context(), "mail", "limited", "k", "", nil); !errors.Is(err, ErrRefused) {
		t.Errorf("%v", err)
	}
	if _, err := r.Start(t.Context(), "shop", "limited", "", "", nil); !errors.Is(err, ErrKeyMissing) {
		t.Errorf("%v", err)
	}
	if _, err := r.Start(t.Context(), "shop", "other", "k", "", nil); !errors.Is(err, ErrNoSaga) {
		t.Errorf("%v", err)
	}
	if _, err := r.Start(t.Context(), "shop", "checkout", "k9", "", json.RawMessage("{")); !errors.Is(err, ErrInput) {
		t.Errorf("%v", err)
	}
	if _, err := r.Get(t.Context(), "mail", id); !errors.Is(err, ErrNoSaga) {
		t.Errorf("%v", err)
	}
	if _, err := r.Cancel(t.Context(), "mail", id, ""); !errors.Is(err, ErrNoSaga) {
		t.Errorf("%v", err)
	}
	for by, want := range map[string]int{"": 1, "shop": 1, "mail": 0} {
		all, err := r.List(t.Context(), Filter{By: by})
		if err != nil || len(all) != want {
			t.Errorf("%q sees %d: %v", by, len(all), err)
		}
	}
	if n, err := r.Count(t.Context()); err != nil || n[machine.Succeeded] != 1 {
		t.Errorf("%v %v", n, err)
	}
}
