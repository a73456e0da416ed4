package stream

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// Source is where the events of one kind come from.
type Source struct {
	Kind string
	// Every is the least time between two events.
	Every time.Duration
	// Keep is how many events are kept for listeners that come later. 0: one, as each
	// event is the whole state and takes the place of the one before.
	Keep int
	// Get returns the next event. A state that is the same as before is not sent again.
	Get func(ctx context.Context) (Item, error)
	// Changed returns a channel that is closed when there is something new. Nil: it is
	// asked again after Every.
	Changed func() <-chan struct{}
}

// Item is an event of a source.
type Item struct {
	// Data is one line of JSON. Nil: there is nothing now.
	Data []byte
	// Sum stands for what matters in a state; nil: Data does.
	Sum []byte
}

// Tail returns a function that sends log records that the filter matches, with
// last earlier ones first, until ctx ends or send fails. An error says what is
// wrong with the filter.
type Tail func(filter string, last int) (run func(ctx context.Context, send func(*banyanv1.TailLogsResponse) error) error, err error)

// kindLogs is the one kind of which each listener has its own.
const kindLogs = "logs"

const (
	// mostKept bounds the kept events of a kind, in bytes.
	mostKept = 256 << 10
	// mostListeners of all sessions, and mostOfSession of one.
	mostListeners = 64
	mostOfSession = 8
)

// event is one that is sent to all who listen to its kind.
type event struct {
	n     int64
	kind  string
	data  []byte
	state bool // takes the place of the one before
}

// Hub hands events of sources to listeners. It is safe for concurrent use.
type Hub struct {
	boot    string
	sources []Source
	tail    Tail // nil: there is none
	log     *slog.Logger

	mu        sync.Mutex
	n         int64
	kept      map[string][]event
	listeners map[string]*listener
	changed   chan struct{} // closed when who listens to what changes
	ending    chan struct{}
	bye       string // why, once ending is closed
}

// New returns a hub. Boot is another one for each daemon.
func New(boot string, sources []Source, tail Tail, log *slog.Logger) *Hub {
	return &Hub{
		boot: boot, sources: sources, tail: tail, log: log, kept: map[string][]event{}, listeners: map[string]*listener{},
		changed: make(chan struct{}), ending: make(chan struct{}),
	}
}

// Kinds are those that there are, beside logs.
func (h *Hub) Kinds() []string {
	var kinds []string
	for i := range h.sources {
		kinds = append(kinds, h.sources[i].Kind)
	}
	return kinds
}

// mostUnknown kinds are told to who asked for them.
const mostUnknown = 20

// Unknown are those of kinds that there are no events of: a newer page may ask an
// older daemon for them. Nil: there are none.
func (h *Hub) Unknown(kinds []string) []string {
	var unknown []string
	for _, kind := range kinds {
		if !slices.ContainsFunc(h.sources, func(s Source) bool { return s.Kind == kind }) && len(unknown) < mostUnknown {
			unknown = append(unknown, kind)
		}
	}
	return unknown
}

// Run asks the sources until ctx ends.
func (h *Hub) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for i := range h.sources {
		wg.Go(func() { h.collect(ctx, &h.sources[i]) })
	}
	wg.Wait()
}

// End ends all streams, now and later, with the reason: restart or down.
func (h *Hub) End(reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.bye == "" {
		h.bye = reason
		close(h.ending)
	}
}

// collect asks one source while somebody listens.
func (h *Hub) collect(ctx context.Context, s *Source) {
	var last []byte
	for {
		idle, err := h.wanted(ctx, s.Kind)
		if err != nil {
			return
		}
		if idle {
			last = nil
		}
		var changed <-chan struct{}
		if s.Changed != nil {
			changed = s.Changed()
		}
		item, err := s.Get(ctx)
		if item.Sum == nil {
			item.Sum = item.Data
		}
		switch {
		case err != nil && ctx.Err() == nil:
			h.log.DebugContext(ctx, "nothing for the dashboard's stream", "kind", s.Kind, "error", err) // it is tried again
		case err == nil && item.Data != nil && (s.Keep > 0 || !bytes.Equal(item.Sum, last)):
			h.publish(s, item.Data)
			last = item.Sum
		}
		select {
		case <-time.After(s.Every):
		case <-ctx.Done():
			return
		}
		if changed == nil || err != nil {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// wanted waits until somebody listens to a kind; idle: it had to. What was kept
// from before is old by then and goes.
func (h *Hub) wanted(ctx context.Context, kind string) (idle bool, err error) {
	for {
		h.mu.Lock()
		for _, l := range h.listeners {
			if l.kinds[kind] {
				h.mu.Unlock()
				return idle, nil
			}
		}
		changed := h.changed
		delete(h.kept, kind)
		h.mu.Unlock()
		idle = true
		select {
		case <-changed:
		case <-ctx.Done():
			return idle, ctx.Err()
		}
	}
}

// publish hands an event to all who listen to its kind, and keeps it.
func (h *Hub) publish(s *Source, data []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n++
	e := event{n: h.n, kind: s.Kind, data: data, state: s.Keep == 0}
	kept := append(slices.Clone(h.kept[s.Kind]), e)
	size := 0
	for _, k := range kept {
		size += len(k.data)
	}
	for len(kept) > 1 && (len(kept) > max(s.Keep, 1) || size > mostKept) {
		size -= len(kept[0].data)
		kept = kept[1:]
	}
	h.kept[s.Kind] = kept
	for _, l := range h.listeners {
		if l.kinds[s.Kind] {
			l.push(e)
		}
	}
}

// after is the number in the id of the last event that a listener has seen; 0: it
// has seen none of this daemon's.
func (h *Hub) after(lastID string) int64 {
	boot, text, ok := strings.Cut(lastID, ".")
	n, err := strconv.ParseInt(text, 10, 64)
	if !ok || boot != h.boot || err != nil {
		return 0
	}
	return n
}

// told tells collectors that who listens to what has changed. The caller holds mu.
func (h *Hub) told() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// give hands a listener what is kept of a kind behind n. The caller holds mu.
func (h *Hub) give(l *listener, kind string, n int64) {
	for _, e := range h.kept[kind] {
		if e.n > n {
			l.push(e)
		}
	}
}
