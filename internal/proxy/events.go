package proxy

import (
	"context"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/link"
)

// events reports what people should see. Refusals are counted: one event a
// second for each pair at most.
type events struct {
	out func(link.Event)

	mu      sync.Mutex
	refusal map[[2]string]int // refused since the pair's last event; the key stays for a second
	wake    chan struct{}
}

// maxRefusalPairs bounds memory against callers that make up callees.
const maxRefusalPairs = 1000

func newEvents(out func(link.Event)) *events {
	return &events{out: out, refusal: map[[2]string]int{}, wake: make(chan struct{}, 1)}
}

func (v *events) send(ev link.Event) { v.out(ev) }

// refused notes a refused call; the first of a pair is reported at once.
func (v *events) refused(caller, callee string) {
	k := [2]string{caller, callee}
	v.mu.Lock()
	n, known := v.refusal[k]
	switch {
	case known:
		v.refusal[k] = n + 1
	case len(v.refusal) < maxRefusalPairs:
		v.refusal[k] = 0
	default:
		v.mu.Unlock()
		return
	}
	v.mu.Unlock()
	if !known {
		v.out(link.Event{Kind: "refused", Caller: caller, Service: callee, Count: 1})
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
	for k, n := range v.refusal {
		if n == 0 {
			delete(v.refusal, k)
			continue
		}
		v.refusal[k] = 0
		due = append(due, link.Event{Kind: "refused", Caller: k[0], Service: k[1], Count: n})
	}
	more = len(v.refusal) > 0
	v.mu.Unlock()
	for _, ev := range due {
		v.out(ev)
	}
	return more
}
