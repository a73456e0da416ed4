package bus

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/enginetest"
	"github.com/banyanrun/banyan/internal/bus/progress"
	"github.com/banyanrun/banyan/internal/cloudevent"
)

// patience is for events that come; it is no expectation of speed.
const patience = 20 * time.Second

// rig is a bus with an engine in memory and one service.
type rig struct {
	*Bus

	t       *testing.T
	engine  engine.Engine
	path    string // of bus.db
	store   *progress.Store
	service *service
	end     context.CancelFunc
	ended   chan error
}

// newRig returns a bus that runs, with the spec in force.
func newRig(t *testing.T, spec Spec) *rig {
	t.Helper()
	r := &rig{t: t, engine: enginetest.NewMemory(time.Now), path: filepath.Join(t.TempDir(), "bus.db"), service: newService(t)}
	r.start(spec)
	t.Cleanup(r.stop)
	return r
}

func (r *rig) start(spec Spec) {
	r.t.Helper()
	var err error
	if r.store, err = progress.Open(r.t.Context(), r.path); err != nil {
		r.t.Fatal(err)
	}
	r.Bus = New(Options{
		Engine: r.engine, Progress: r.store, Address: r.service.address, Logger: slog.New(slog.DiscardHandler), Sole: true,
	})
	if err := r.Configure(r.t.Context(), spec); err != nil {
		r.t.Fatal(err)
	}
	r.run()
}

// run runs the bus until stop.
func (r *rig) run() {
	ctx, cancel := context.WithCancel(context.Background())
	r.end, r.ended = cancel, make(chan error, 1)
	go func() { r.ended <- r.Run(ctx) }()
}

// stop ends the bus in order; the engine stays.
func (r *rig) stop() {
	r.t.Helper()
	if r.end == nil {
		return
	}
	r.end()
	r.end = nil
	if err := <-r.ended; err != nil {
		r.t.Error(err)
	}
	if err := r.store.Close(); err != nil {
		r.t.Error(err)
	}
}

// publish publishes events as service "shop", each given as "key" or "key:id".
func (r *rig) publish(topic string, events ...string) []Result {
	r.t.Helper()
	results, err := r.Publish(r.t.Context(), "shop", topic, makeEvents(events...))
	if err != nil {
		r.t.Fatal(err)
	}
	return results
}

func makeEvents(names ...string) []cloudevent.Event {
	var list []cloudevent.Event
	for _, name := range names {
		key, id, found := strings.Cut(name, ":")
		e := cloudevent.Event{Data: []byte(`{"of":"` + name + `"}`)}
		e.Set(cloudevent.DataContentType, "application/json")
		if key != "" {
			e.Set(cloudevent.Subject, key)
		}
		if found {
			e.Set(cloudevent.ID, id)
		}
		list = append(list, e)
	}
	return list
}

// simple is a spec of topic "t" that service "mail" subscribes to.
func simple(change ...func(*Topic, *Subscription)) Spec {
	topic := Topic{Key: "subject", Dedup: time.Hour, MaxEvent: 1 << 16}
	sub := Subscription{
		Topic: "t", Service: "mail", Path: "/in", From: "new", Concurrency: 8, Timeout: 10 * time.Second,
		MaxAttempts: 3, First: time.Millisecond, Most: 2 * time.Millisecond,
	}
	for _, c := range change {
		c(&topic, &sub)
	}
	spec := Spec{
		Topics:    map[string]Topic{"t": topic},
		Publishes: map[string][]string{"shop": {"t"}}, Subscriptions: []Subscription{sub},
	}
	if sub.DeadLetter != "" {
		spec.Topics[sub.DeadLetter] = Topic{}
	}
	return spec
}

// delivered is one request that a service got.
type delivered struct {
	header http.Header
	body   string
	path   string
}

func (d delivered) id() string      { return d.header.Get("Ce-Id") }
func (d delivered) attempt() string { return d.header.Get("Banyan-Attempt") }

// service is a subscriber.
type service struct {
	server *httptest.Server

	mu     sync.Mutex
	got    []delivered
	answer func(w http.ResponseWriter, d delivered) // nil: 204
	change chan struct{}                            // closed when something is got
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{change: make(chan struct{})}
	s.server = httptest.NewServer(s)
	t.Cleanup(s.server.Close)
	return s
}

func (s *service) address(string) (string, bool) {
	return strings.TrimPrefix(s.server.URL, "http://"), true
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	d := delivered{r.Header, string(body), r.URL.Path}
	s.mu.Lock()
	answer := s.answer
	s.mu.Unlock()
	if answer != nil {
		answer(w, d)
	} else {
		w.WriteHeader(http.StatusNoContent)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, d)
	close(s.change)
	s.change = make(chan struct{})
}

// answers sets what is answered from now on.
func (s *service) answers(answer func(w http.ResponseWriter, d delivered)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func status(code int, header ...string) func(http.ResponseWriter, delivered) {
	return func(w http.ResponseWriter, _ delivered) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		fmt.Fprintf(w, "answer %d", code)
	}
}

// wait returns what was got when it is at least n requests.
func (s *service) wait(t *testing.T, n int) []delivered {
	t.Helper()
	timeout := time.After(patience)
	for {
		s.mu.Lock()
		got, change := s.got, s.change
		s.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-change:
		case <-timeout:
			t.Fatalf("got %d deliveries, want %d", len(got), n)
		}
	}
}

// eventually waits until check holds.
func (r *rig) eventually(what string, check func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !check() {
		if time.Now().After(deadline) {
			r.t.Fatalf("not in time: %s", what)
		}
		<-tick.C
	}
}

// sub returns how the subscription of "mail" stands.
func (r *rig) sub() SubscriptionStat {
	r.t.Helper()
	return r.topic().Subscriptions[0]
}

func (r *rig) topic() TopicStat {
	r.t.Helper()
	all, err := r.Topics(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, s := range all {
		if s.Name == "t" {
			return s
		}
	}
	r.t.Fatal("no topic")
	return TopicStat{}
}
