package coordinator

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/saga/definition"
	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/saga/store"
)

// asleep makes sagas that wait for a moment, and stops their coordinator.
func asleep(t *testing.T, at string, n int) (ids []string) {
	t.Helper()
	s := kept(t, at)
	defer s.Close()
	r := run(t, Options{Store: s, Caller: newWorld(t).caller(t)}, delayed(t, "a"), delayed(t, "b"))
	defer r.stop()
	for i := range n {
		ids = append(ids, r.started(t, []string{"a", "b"}[i%2], strconv.Itoa(i), `{"amount":1}`).ID)
	}
	return ids
}

func delayed(t *testing.T, name string) *definition.Definition {
	t.Helper()
	return define(t, name, `{"steps": [{"name": "cool", "delay": "500ms"}, `+step("ship", "shipping")+`]}`)
}

func execute(t *testing.T, at, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+at)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// TestOneIsStopped: damage stops the saga that it is in, and others go on.
func TestOneIsStopped(t *testing.T) {
	for name, statement := range map[string]string{
		"row":        `UPDATE saga SET doc = CAST(replace(doc, 'running', 'runnimg') AS BLOB) WHERE n = 1`,
		"definition": `DELETE FROM definition WHERE name = 'a'`,
	} {
		t.Run(name, func(t *testing.T) {
			at := path(t)
			ids := asleep(t, at, 2)
			execute(t, at, statement)
			s := kept(t, at)
			defer s.Close()
			r := run(t, Options{Store: s, Caller: newWorld(t).caller(t)})
			defer r.stop()
			r.until(t, ids[1], machine.Succeeded)
			eventually(t, func() bool {
				saga, err := r.Get(t.Context(), "", ids[0])
				if err != nil {
					t.Error(err)
				}
				return fault.CodeOf(saga.Stopped) == fault.Damaged
			})
			if _, err := r.Cancel(t.Context(), "", ids[0], ""); fault.CodeOf(err) != fault.Damaged {
				t.Errorf("%v", err)
			}
		})
	}
}

// frantic is a caller with a defect.
type frantic struct{ Caller }

func (frantic) Call(context.Context, string, string, machine.Call) machine.Outcome { panic("oh") }

// broken is a store with a defect that one saga meets.
type broken struct{ store.Store }

func (b broken) Update(ctx context.Context, c store.Change) error {
	if c.Saga.Key == "0" {
		panic("oh")
	}
	return b.Store.Update(ctx, c)
}

func TestDefects(t *testing.T) {
	s := kept(t, path(t))
	defer s.Close()
	w := newWorld(t)
	r := run(t, Options{Store: broken{s}, Caller: w.caller(t)}, checkout(t))
	bad := r.started(t, "checkout", "0", `{"amount":1}`).ID
	r.until(t, r.started(t, "checkout", "1", `{"amount":1}`).ID, machine.Succeeded)
	eventually(t, func() bool {
		saga, err := r.Get(t.Context(), "", bad)
		return err == nil && saga.Stopped != nil
	})
	_ = r.stop()
	r = run(t, Options{Store: s, Caller: frantic{}}, checkout(t))
	defer r.stop()
	id := r.started(t, "checkout", "2", `{"amount":1}`).ID
	unknown := errors.New("unknown")
	if err := r.Watch(t.Context(), "", id, 0, func(s Saga, _ []Entry) error {
		if s.State.Steps[0].Unsure {
			return unknown
		}
		return nil
	}); !errors.Is(err, unknown) {
		t.Error(err)
	}
}

func TestPurge(t *testing.T) {
	w := newWorld(t)
	s := kept(t, path(t))
	defer s.Close()
	def := define(t, "short", `{"retention": "1ms", "steps": [`+step("ship", "shipping")+`]}`)
	r := run(t, Options{Store: s, Caller: w.caller(t)}, def)
	id := r.started(t, "short", "k", `{"amount":1}`).ID
	eventually(t, func() bool { // it may be gone at once
		s, err := r.Get(t.Context(), "", id)
		return errors.Is(err, ErrNoSaga) || s.Status.Ended() && time.Since(s.Updated) > 2*time.Millisecond
	})
	_ = r.stop()
	r = run(t, Options{Store: s, Caller: w.caller(t)}, def)
	defer r.stop()
	eventually(t, func() bool {
		_, err := r.Get(t.Context(), "", id)
		return errors.Is(err, ErrNoSaga)
	})
	if again := r.started(t, "short", "k", `{"amount":1}`); !again.New {
		t.Errorf("%+v", again)
	}
}

func TestTimeline(t *testing.T) {
	w := newWorld(t)
	s := kept(t, path(t))
	defer s.Close()
	r := run(t, Options{Store: s, Caller: w.caller(t)}, checkout(t))
	defer r.stop()
	id := r.started(t, "checkout", "k", `{"amount":5}`).ID
	var seen []Entry
	if err := r.Watch(t.Context(), "", id, 0, func(_ Saga, entries []Entry) error {
		seen = append(seen, entries...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	all, err := r.Timeline(t.Context(), "", id, 0)
	if err != nil || len(seen) != len(all) || len(all) != 8 {
		t.Fatalf("%d watched, %d kept: %v\n%s", len(seen), len(all), err, r.show(t, id))
	}
	called := all[1]
	if called.What != "called" || called.Text != "POST inventory /reserve" || string(called.Body) != `{"amount":5}` || called.Version != 1 || called.At.IsZero() {
		t.Errorf("%+v", called)
	}
	large := json.RawMessage(fmt.Sprintf(`"%05000d"`, 7))
	if kept := cutBody(large); len(kept) > bodyKept+20 || !json.Valid(kept) {
		t.Errorf("%d bytes", len(kept))
	}
}
