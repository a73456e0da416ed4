package coordinator

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/saga/store"
)

// mortal is a store whose coordinator dies at its n-th write, before or after it.
type mortal struct {
	store.Store
	mu     sync.Mutex
	writes int // that are left
	after  bool
	dead   bool
}

func (m *mortal) write(do func() error) error {
	m.mu.Lock()
	m.writes--
	dies := m.writes < 0
	was := m.dead
	m.dead = m.dead || dies
	m.mu.Unlock()
	if was || dies && !m.after {
		return store.ErrFenced
	}
	if err := do(); err != nil || !dies {
		return err
	}
	return store.ErrFenced
}

func (m *mortal) Update(ctx context.Context, c store.Change) error {
	return m.write(func() error { return m.Store.Update(ctx, c) })
}

func (m *mortal) Create(ctx context.Context, c store.Change) (s store.Saga, made bool, err error) {
	err = m.write(func() error {
		s, made, err = m.Store.Create(ctx, c)
		return err
	})
	return s, made && err == nil, err
}

// TestKilledAtEachWrite: wherever a coordinator dies, the next one brings the saga
// to its end, and each effect is there once.
func TestKilledAtEachWrite(t *testing.T) {
	for _, no := range []string{"", "ship"} {
		want := []string{"reserve/do", "charge/do", "ship/do"}
		status := machine.Succeeded
		if no != "" {
			want, status = []string{"reserve/do", "charge/do", "ship/undo", "charge/undo", "reserve/undo"}, machine.Compensated
		}
		for n := range len(want) + 2 {
			for _, after := range []bool{false, true} {
				killedAt(t, n, after, no, want, status)
			}
		}
	}
}

func killedAt(t *testing.T, n int, after bool, no string, want []string, status machine.Status) {
	t.Helper()
	w := newWorld(t)
	w.answer = func(out http.ResponseWriter, r *http.Request) bool {
		if no == "" || r.URL.Path != "/"+no {
			return false
		}
		out.Header().Set("Banyan-Outcome", "abort")
		out.WriteHeader(http.StatusConflict)
		return true
	}
	at := path(t)
	def := checkout(t)
	first := kept(t, at)
	dying := run(t, Options{Store: &mortal{Store: first, writes: n, after: after}, Caller: w.caller(t)}, def)
	eventually(t, func() bool { return dying.running.Load() != nil })
	started, err := dying.Start(t.Context(), "shop", "checkout", "k", "", []byte(`{"amount":1}`))
	if err == nil { // it dies later, or not at all
		ctx, cancel := context.WithCancel(t.Context())
		context.AfterFunc(dying.dead, cancel)
		_ = dying.Watch(ctx, "", started.ID, 0, func(Saga, []Entry) error { return nil })
		cancel()
	}
	if err := dying.stop(); !errors.Is(err, store.ErrFenced) && !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := kept(t, at)
	defer second.Close()
	r := run(t, Options{Store: second, Caller: w.caller(t)}, def)
	defer r.stop()
	id := r.started(t, "checkout", "k", `{"amount":1}`).ID
	r.until(t, id, status)
	if got := w.done(); !equal(got, want) {
		t.Errorf("killed at write %d (after: %v): %v\n%s", n, after, got, r.show(t, id))
	}
}

// TestPaused: a coordinator that was paused while another took over writes nothing.
func TestPaused(t *testing.T) {
	w := newWorld(t)
	paused := make(chan struct{})
	called := make(chan struct{}, 1)
	w.answer = func(out http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/charge" && r.Header.Get("Banyan-Attempt") == "1" {
			called <- struct{}{}
			<-paused
		}
		return false
	}
	at := path(t)
	first, second := kept(t, at), kept(t, at)
	defer first.Close()
	defer second.Close()
	a := run(t, Options{Store: first, Caller: w.caller(t)}, checkout(t))
	id := a.started(t, "checkout", "k", `{"amount":1}`).ID
	<-called
	b := run(t, Options{Store: second, Caller: w.caller(t)}, checkout(t))
	defer b.stop()
	saga := b.until(t, id, machine.Succeeded)
	close(paused)
	<-a.dead.Done()
	if err := a.stop(); !errors.Is(err, store.ErrFenced) {
		t.Errorf("%v", err)
	}
	if _, err := a.Start(t.Context(), "shop", "checkout", "k2", "", []byte(`{"amount":1}`)); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	again, err := b.Get(t.Context(), "", id)
	if err != nil || again.Version != saga.Version {
		t.Errorf("%+v %v", again, err)
	}
	if got := w.done(); !equal(got, []string{"reserve/do", "charge/do", "ship/do"}) {
		t.Errorf("%v", got)
	}
}

// TestLostAnswers: an answer that is lost after the effect is not a failure.
func TestLostAnswers(t *testing.T) {
	w := newWorld(t)
	w.answer = func(out http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Banyan-Attempt") != "1" {
			return false
		}
		w.did(r.Header.Get("Idempotency-Key"))
		panic(http.ErrAbortHandler)
	}
	s := kept(t, path(t))
	defer s.Close()
	r := run(t, Options{Store: s, Caller: w.caller(t)}, checkout(t))
	defer r.stop()
	id := r.started(t, "checkout", "k", `{"amount":1}`).ID
	r.until(t, id, machine.Succeeded)
	for key, n := range w.effects {
		if n < 2 {
			t.Errorf("%s was asked for %d times", key, n)
		}
	}
	if got := w.done(); !equal(got, []string{"reserve/do", "charge/do", "ship/do"}) {
		t.Errorf("%v\n%s", got, r.show(t, id))
	}
}

// TestStoreFails: while the store cannot be written nothing happens, and then it goes on.
func TestStoreFails(t *testing.T) {
	w := newWorld(t)
	s := kept(t, path(t))
	defer s.Close()
	r := run(t, Options{Store: &failing{Store: s, times: 3}, Caller: w.caller(t)}, checkout(t))
	defer r.stop()
	r.until(t, r.started(t, "checkout", "k", `{"amount":1}`).ID, machine.Succeeded)
	for key, n := range w.effects {
		if n != 1 {
			t.Errorf("%s: %d", key, n)
		}
	}
}

// unsure is a store that says of each first write of a kind that it failed, though it did not.
type unsure struct {
	store.Store
	created, updated sync.Once
}

func (u *unsure) Create(ctx context.Context, c store.Change) (s store.Saga, made bool, err error) {
	s, made, err = u.Store.Create(ctx, c)
	u.created.Do(func() { s, made, err = store.Saga{}, false, fault.New(fault.Unavailable, "the connection broke") })
	return s, made, err
}

func (u *unsure) Update(ctx context.Context, c store.Change) error {
	err := u.Store.Update(ctx, c)
	u.updated.Do(func() { err = fault.New(fault.Unavailable, "the connection broke") })
	return err
}

// TestStoreIsUnsure: a write that was made though it seemed to fail is not made twice, and not forgotten.
func TestStoreIsUnsure(t *testing.T) {
	w := newWorld(t)
	s := kept(t, path(t))
	defer s.Close()
	r := run(t, Options{Store: &unsure{Store: s}, Caller: w.caller(t)}, checkout(t))
	defer r.stop()
	eventually(t, func() bool { return r.running.Load() != nil })
	if _, err := r.Start(t.Context(), "shop", "checkout", "k", "", []byte(`{"amount":1}`)); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("%v", err)
	}
	again := r.started(t, "checkout", "k", `{"amount":1}`)
	if again.New {
		t.Error("there are two")
	}
	r.until(t, again.ID, machine.Succeeded)
	if got := w.done(); !equal(got, []string{"reserve/do", "charge/do", "ship/do"}) {
		t.Errorf("%v", got)
	}
}

// TestCallerLeaves: a saga is begun though who started it does not wait for the answer.
func TestCallerLeaves(t *testing.T) {
	w := newWorld(t)
	s := kept(t, path(t))
	defer s.Close()
	r := run(t, Options{Store: s, Caller: w.caller(t)}, checkout(t))
	defer r.stop()
	eventually(t, func() bool { return r.running.Load() != nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = r.Start(ctx, "shop", "checkout", "k", "", []byte(`{"amount":1}`)) // as if it were lost
	eventually(t, func() bool { return len(w.done()) == 3 })
}
