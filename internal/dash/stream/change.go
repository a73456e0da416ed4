package stream

import (
	"context"
	"sync"

	"github.com/banyanrun/banyan/internal/fault"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// Change is what a listener wants to hear from now on.
type Change struct {
	Kinds []string // nil: as before
	// SetLogs: Logs says which log records are sent; nil ends them. Otherwise it is as
	// before.
	SetLogs bool
	Logs    *Logs
}

// Logs is which log records a listener wants.
type Logs struct {
	Filter string `json:"filter"`
	Last   int    `json:"last"` // how many earlier ones
}

// mostLast earlier log records can be had.
const mostLast = 1000

// Change changes what a stream of the session sends. Of several, the last that came
// counts. fault.NotFound: there is no such stream.
func (h *Hub) Change(stream, session string, c Change) error {
	if c.SetLogs && c.Logs != nil && (c.Logs.Last < 0 || c.Logs.Last > mostLast) {
		return fault.New(fault.Invalid, "%d earlier log records cannot be had", c.Logs.Last).Fix("ask for 0 to %d", mostLast)
	}
	h.mu.Lock()
	l := h.listeners[stream]
	h.mu.Unlock()
	if l == nil || l.session != session {
		return fault.New(fault.NotFound, "the stream is gone").Fix("open another one")
	}
	l.changing <- struct{}{}
	defer func() { <-l.changing }()
	h.mu.Lock()
	if c.Kinds != nil {
		if err := h.listen(l, c.Kinds, 0); err != nil {
			h.mu.Unlock()
			return err
		}
		h.told()
	}
	h.mu.Unlock()
	if c.SetLogs {
		return h.follow(l, c.Logs)
	}
	return nil
}

// follow replaces the tail of logs of a listener. The one before has ended when it
// returns. The caller has the place of changing.
func (h *Hub) follow(l *listener, logs *Logs) error {
	var begin func() (stop func())
	if logs != nil {
		if h.tail == nil {
			return fault.New(fault.Unavailable, "logs cannot be followed here")
		}
		run, err := h.tail(logs.Filter, logs.Last)
		if err != nil {
			return err
		}
		begin = func() func() { return h.start(l, run) }
	}
	h.mu.Lock()
	before := l.stopTail
	l.stopTail = nil
	h.mu.Unlock()
	if before != nil {
		before()
	}
	l.forget()
	if begin == nil {
		return nil
	}
	stop := begin()
	h.mu.Lock()
	_, there := h.listeners[l.id]
	if there {
		l.stopTail = stop
		stop = nil
	}
	h.mu.Unlock()
	if stop != nil { // it left meanwhile
		stop()
	}
	return nil
}

// start runs a tail and returns how to end it and wait for its end.
func (h *Hub) start(l *listener, run func(context.Context, func(*banyanv1.TailLogsResponse) error) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		err := run(ctx, func(r *banyanv1.TailLogsResponse) error {
			l.pushLogs(r)
			return ctx.Err()
		})
		if err != nil && ctx.Err() == nil {
			h.log.Warn("the logs of a page of the dashboard end", "error", err)
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}
