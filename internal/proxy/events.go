package proxy

import (
	"context"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/link"
)

// events reports what people should see. What may come with each request is
// counted: one event a second for each kind and pair of services at most.
type events struct {
	out func(link.Event)

	mu    sync.Mutex
	count map[tally]int // since the last event; the key stays for a second
	wake  chan struct{}
}

// tally is an event without its number.
type tally struct{ kind, caller, service string }

// maxCounted bounds memory against callers that make up callees.
const maxCounted = 1000

func newEvents(out func(link.Event)) *events {
	return &events{out: out, count: map[tally]int{}, wake: make(chan struct{}, 1)}
}

func (v *events) send(ev link.Event) { v.out(ev) }

// refused notes a call that was not declared.
func (v *events) refused(caller, callee string) { v.add(tally{"refused", caller, callee}) }

// unmirrored notes a request that should have been copied to a service and was not.
func (v *events) unmirrored(caller, to string) { v.add(tally{"unmirrored", caller, to}) }

// add counts one; the first of its like is reported at once.
func (v *events) add(k tally) {
	v.mu.Lock()
	n, known := v.count[k]
	switch {
	case known:
		v.count[k] = n + 1
	case len(v.count) < maxCounted:
		v.count[k] = 0
	default:
		v.mu.Unlock()
		return
	}
	v.mu.Unlock()
	if !known {
		v.out(link.Event{Kind: k.kind, Caller: k.caller, Service: k.service, Count: 1})
		select {
		case v.wake <- struct{}{}:
		default:
		}
	}
}

// run reports the counts each second while there are any; otherwise it sleeps.
func (v *events) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-v.wake:
		}
		for more := true; more; {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
				more = v.flush()
			}
		}
	}
}

func (v *events) flush() (more bool) {
	v.mu.Lock()
	var due []link.Event
	for k, n := range v.count {
		if n == 0 {
			delete(v.count, k)
			continue
		}
		v.count[k] = 0
		due = append(due, link.Event{Kind: k.kind, Caller: k.caller, Service: k.service, Count: n})
	}
	more = len(v.count) > 0
	v.mu.Unlock()
	for _, ev := range due {
		v.out(ev)
	}
	return more
}
