package coordinator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/saga/call"
	"github.com/banyanrun/banyan/internal/saga/definition"
	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/saga/store"
)

// define compiles a saga that is written as JSON.
func define(t *testing.T, name, saga string) *definition.Definition {
	t.Helper()
	app := &appfile.App{Sagas: map[string]*appfile.Saga{name: {}}}
	if err := json.Unmarshal([]byte(saga), app.Sagas[name]); err != nil {
		t.Fatal(err)
	}
	app.ApplyDefaults("")
	def, problems := definition.Compile(definition.Source{Name: name, Saga: app.Sagas[name]})
	if def == nil {
		t.Fatal(problems)
	}
	return def
}

// step returns a step that calls a service and can be undone.
func step(name, service string) string {
	return fmt.Sprintf(`{"name": %q, "retry": {"first": "10ms", "most": "50ms"},
		"call": {"service": %q, "path": "/%s", "body": "{'amount': input.amount}"}, "undo": {"path": "/%s/undo"}}`, name, service, name, name)
}

// checkout is a saga of three calls.
func checkout(t *testing.T) *definition.Definition {
	t.Helper()
	return define(t, "checkout", `{"steps": [`+step("reserve", "inventory")+`,`+step("charge", "payment")+`,`+step("ship", "shipping")+`]}`)
}

// world is all services at once: it keeps the first answer by key and counts effects.
type world struct {
	mu      sync.Mutex
	effects map[string]int // by key
	order   []string
	// answer, if it is set, answers instead: false leaves it to the world.
	answer func(w http.ResponseWriter, r *http.Request) bool
	server *httptest.Server
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{effects: map[string]int{}}
	w.server = httptest.NewServer(w)
	t.Cleanup(w.server.Close)
	return w
}

func (w *world) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Idempotency-Key")
	_, _ = io.Copy(io.Discard, r.Body)
	w.mu.Lock()
	answer := w.answer
	w.mu.Unlock()
	if answer != nil && answer(out, r) {
		return
	}
	w.did(key)
	out.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(out, `{"key":%q}`, key)
}

// did is the effect of a request, which a service that knows its key has once.
func (w *world) did(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.effects[key] == 0 {
		_, step, _ := strings.Cut(key, "/")
		w.order = append(w.order, step)
	}
	w.effects[key]++
}

func (w *world) done() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{}, w.order...)
}

func (w *world) caller(t *testing.T) *call.Caller {
	t.Helper()
	c := call.New(call.Options{Target: func(string) (call.Target, bool) {
		return call.Target{Address: strings.TrimPrefix(w.server.URL, "http://")}, true
	}})
	t.Cleanup(c.Close)
	return c
}

// kept is a store that the end of the test closes.
func kept(t *testing.T, path string) store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// runner is a coordinator that runs.
type runner struct {
	*Coordinator
	stop func() error
	// dead ends when Run has returned.
	dead context.Context
}

// run runs a coordinator until the test ends or stop is called.
func run(t *testing.T, o Options, defs ...*definition.Definition) *runner {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	c := New(o)
	byName := map[string]*definition.Definition{}
	for _, def := range defs {
		byName[def.Name] = def
	}
	if err := c.Apply(t.Context(), byName); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &runner{Coordinator: c}
	dead, die := context.WithCancel(context.Background())
	r.dead = dead
	var err error
	go func() {
		defer die()
		err = c.Run(ctx)
	}()
	r.stop = sync.OnceValue(func() error {
		cancel()
		<-dead.Done()
		return err
	})
	t.Cleanup(func() { _ = r.stop() })
	return r
}

// started starts a saga, as soon as the coordinator runs.
func (r *runner) started(t *testing.T, name, key, input string) Started {
	t.Helper()
	var s Started
	eventually(t, func() bool {
		var err error
		s, err = r.Start(t.Context(), "shop", name, key, "", json.RawMessage(input))
		if err != nil && !errors.Is(err, ErrBusy) {
			t.Error(err)
		}
		return err == nil
	})
	return s
}

// eventually returns when a condition holds that nothing tells of.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !holds() {
		if sleep(ctx, time.Millisecond) != nil {
			t.Fatal("it does not become so")
		}
	}
}

// until watches a saga until it has one of the statuses.
func (r *runner) until(t *testing.T, id string, statuses ...machine.Status) Saga {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var last Saga
	found := errors.New("found")
	err := r.Watch(ctx, "", id, 0, func(s Saga, _ []Entry) error {
		last = s
		if slices.Contains(statuses, s.Status) {
			return found
		}
		return nil
	})
	if !errors.Is(err, found) {
		t.Fatalf("%s is %s: %v\n%s", id, last.Status, err, r.show(t, id))
	}
	return last
}

func (r *runner) show(t *testing.T, id string) string {
	t.Helper()
	entries, err := r.Timeline(context.Background(), "", id, 0)
	if err != nil {
		return err.Error()
	}
	var text strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&text, "%d %s %s/%s %d %s %d %s %s\n", e.Version, e.At.Format("05.000"), e.Step, e.Op, e.Attempt, e.What, e.Status, e.Text, e.Body)
	}
	return text.String()
}

func path(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "saga.db")
}
