package stream

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// advance lets a bubble's time pass, and what happens in it happen.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// browser is the other end of a stream. It takes nothing while it is blocked.
type browser struct {
	mu      sync.Mutex
	text    bytes.Buffer
	blocked chan struct{} // nil: it takes what comes
}

func (b *browser) Header() http.Header { return http.Header{} }
func (b *browser) WriteHeader(int)     {}
func (b *browser) Flush()              {}
func (b *browser) Write(p []byte) (int, error) {
	b.mu.Lock()
	blocked := b.blocked
	b.mu.Unlock()
	if blocked != nil {
		<-blocked
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// block makes the browser slow, until the returned function is called.
func (b *browser) block() (release func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.blocked = make(chan struct{})
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		close(b.blocked)
		b.blocked = nil
	}
}

// events returns what came since the last call: kind, data; without beats.
func (b *browser) events() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for text := range strings.SplitSeq(b.text.String(), "\n\n") {
		_, text, _ = strings.Cut(text, "event: ")
		kind, data, _ := strings.Cut(text, "\ndata: ")
		if kind != "" && kind != "beat" {
			all = append(all, kind+" "+data)
		}
	}
	b.text.Reset()
	return all
}

func (b *browser) saw(t *testing.T, want ...string) {
	t.Helper()
	if got := b.events(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// world is a hub with a state and a flow of events, which the test sets.
type world struct {
	hub     *Hub
	session string

	mu      sync.Mutex
	state   string
	changed chan struct{}
	asked   int
	n       int // of the flow
}

func (w *world) set(state string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state = state
	close(w.changed)
	w.changed = make(chan struct{})
}

// questions is how often the state was asked for.
func (w *world) questions() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked
}

func newWorld(tail Tail) *world {
	w := &world{session: "session", state: "1", changed: make(chan struct{})}
	w.hub = New("boot", []Source{
		{Kind: "status", Every: time.Second, Changed: func() <-chan struct{} {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.changed
		}, Get: func(context.Context) (Item, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.asked++
			return Item{Data: []byte(w.state)}, nil
		}},
		{Kind: "rates", Every: time.Second, Keep: 3, Get: func(context.Context) (Item, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.n++
			return Item{Data: fmt.Append(nil, w.n)}, nil
		}},
	}, tail, slog.New(slog.DiscardHandler))
	return w
}

// open opens a stream and returns its id; the stream ends with close.
func (w *world) open(t *testing.T, b *browser, lastID string, kinds ...string) (id string, leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	q := httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/stream", nil)
	q.Header.Set("Last-Event-ID", lastID)
	var done sync.WaitGroup
	done.Go(func() {
		if err := w.hub.Serve(b, q, w.session, kinds, Hello{App: "shop", Role: "viewer"}); err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	w.hub.mu.Lock()
	for newest, l := range w.hub.listeners {
		if l.id == newest && (id == "" || strings.Contains(b.text.String(), newest)) {
			id = newest
		}
	}
	w.hub.mu.Unlock()
	return id, func() {
		cancel()
		done.Wait()
	}
}

func (w *world) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { w.hub.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
}

func hello(b *browser) bool {
	got := b.events()
	return len(got) > 0 && strings.HasPrefix(got[0], `hello {"stream":"`) && strings.Contains(got[0], `"boot":"boot","app":"shop"`)
}
