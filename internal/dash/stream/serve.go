package stream

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/banyanrun/banyan/internal/fault"
)

const (
	// pause is the least time between two parcels for a listener.
	pause = 50 * time.Millisecond
	// beatEvery is how often a listener hears something.
	beatEvery = 10 * time.Second
	// writeMost is how long a listener may take nothing before it is given up.
	writeMost = 15 * time.Second
)

// Hello is what a listener is told first.
type Hello struct {
	App     string `json:"app"`
	Version string `json:"version"`
	Role    string `json:"role"`
}

// Serve sends a session events of the kinds until the request or the hub ends.
// An error comes before anything was written.
func (h *Hub) Serve(w http.ResponseWriter, r *http.Request, session string, kinds []string, hello Hello) error {
	l, err := h.join(session, kinds, r.Header.Get("Last-Event-ID"))
	if err != nil {
		return err
	}
	defer h.leave(l)
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no")
	o := &outlet{w: w, control: http.NewResponseController(w), boot: h.boot}
	o.event("hello", struct {
		Stream string `json:"stream"`
		Boot   string `json:"boot"`
		Hello
		Now     time.Time `json:"now"`
		Kinds   []string  `json:"kinds"`
		Unknown []string  `json:"unknown,omitempty"`
	}{l.id, h.boot, hello, time.Now().UTC(), h.known(kinds), h.Unknown(kinds)})
	o.flush()
	h.send(r.Context(), l, o)
	return nil
}

// send writes what is queued for a listener.
func (h *Hub) send(ctx context.Context, l *listener, o *outlet) {
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for o.err == nil {
		if ctx.Err() != nil {
			o.over(ctx)
			return
		}
		select {
		case <-l.wake:
			o.parcel(l.take())
			o.flush()
		case now := <-beat.C:
			o.event("beat", map[string]time.Time{"now": now.UTC()})
			o.flush()
			continue
		case <-h.ending:
			o.parcel(l.take())
			o.event("bye", map[string]string{"reason": h.bye})
			o.flush()
			return
		case <-ctx.Done():
			continue
		}
		select {
		case <-time.After(pause):
		case <-h.ending:
		case <-ctx.Done():
		}
	}
}

// join makes a listener.
func (h *Hub) join(session string, kinds []string, lastID string) (*listener, error) {
	l := newListener(rand.Text(), session)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.listeners) >= mostListeners {
		return nil, fault.New(fault.Unavailable, "%d pages of the dashboard are open already", mostListeners).Fix("close some")
	}
	of := 0
	for _, other := range h.listeners {
		if other.session == session {
			of++
		}
	}
	if of >= mostOfSession {
		return nil, fault.New(fault.Unavailable, "%d pages of the dashboard are open in this browser already", mostOfSession).Fix("close some")
	}
	if err := h.listen(l, kinds, h.after(lastID)); err != nil {
		return nil, err
	}
	h.listeners[l.id] = l
	h.told()
	return l, nil
}

// listen makes kinds those of the listener, and gives it what is kept of the new
// ones behind n. The caller holds mu.
func (h *Hub) listen(l *listener, kinds []string, n int64) error {
	if slices.Contains(kinds, kindLogs) {
		return fault.New(fault.Invalid, "logs are no kind: each stream has its own").Fix("ask for them by POST /api/stream/STREAM")
	}
	kinds = h.known(kinds)
	now := map[string]bool{}
	for _, kind := range kinds {
		now[kind] = true
	}
	for _, kind := range kinds {
		if !l.kinds[kind] {
			h.give(l, kind, n)
		}
	}
	l.kinds = now
	return nil
}

// known are those of kinds that there are events of.
func (h *Hub) known(kinds []string) []string {
	some, all := []string{}, h.Kinds()
	for _, kind := range kinds {
		if slices.Contains(all, kind) && !slices.Contains(some, kind) {
			some = append(some, kind)
		}
	}
	return some
}

// leave ends a listener.
func (h *Hub) leave(l *listener) {
	h.mu.Lock()
	stop := l.stopTail
	l.stopTail = nil
	delete(h.listeners, l.id)
	h.told()
	h.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// outlet writes events; after an error nothing more.
type outlet struct {
	w       http.ResponseWriter
	control *http.ResponseController
	boot    string
	err     error
}

func (o *outlet) parcel(p parcel) {
	if p.missed != nil {
		o.event("missed", map[string]any{"kinds": p.missed})
	}
	for _, e := range p.events {
		o.write("id: %s.%d\nevent: %s\ndata: %s\n\n", o.boot, e.n, e.kind, e.data)
	}
	if len(p.logs) == 0 && p.lost == 0 {
		return
	}
	entries := make([]json.RawMessage, 0, len(p.logs))
	for _, entry := range p.logs {
		data, err := protojson.Marshal(entry)
		if err != nil { // its text is no UTF-8
			p.lost++
			continue
		}
		entries = append(entries, data)
	}
	o.event(kindLogs, map[string]any{"entries": entries, "missed": p.lost})
}

// event writes one that has no place in the order of those that are kept.
func (o *outlet) event(kind string, data any) {
	text, err := json.Marshal(data)
	if err != nil {
		o.err = err
		return
	}
	o.write("event: %s\ndata: %s\n\n", kind, text)
}

func (o *outlet) write(format string, args ...any) {
	if o.err != nil {
		return
	}
	// A writer without deadlines is one of a test.
	_ = o.control.SetWriteDeadline(time.Now().Add(writeMost))
	_, o.err = fmt.Fprintf(o.w, format, args...)
}

// over says that the session ended, if that is why nothing more comes: else nobody is
// there to hear it.
func (o *outlet) over(ctx context.Context) {
	if !errors.Is(context.Cause(ctx), ctx.Err()) {
		o.event("bye", map[string]string{"reason": "signed-out"})
		o.flush()
	}
}

func (o *outlet) flush() {
	if o.err == nil {
		o.err = o.control.Flush()
	}
}
