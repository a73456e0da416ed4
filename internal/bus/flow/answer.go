package flow

import (
	"container/heap"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// Outcome of a delivery.
type Outcome int

// The outcomes.
const (
	Done   Outcome = iota // the subscriber has it
	Failed                // an attempt
	Hold                  // the subscriber asks for time; no attempt
	Unseen                // nobody saw it; no attempt
	Gone                  // the subscriber wants no more; no attempt
)

// Verdict is what became of a delivery. Its zero value: nothing that has to be remembered.
type Verdict struct {
	// Attempts that have failed, if this one has.
	Attempts int
	// NotBefore is when the next one is made at the earliest.
	NotBefore time.Time
	// Dead: there is no next one. The record stays open, and its key and its place
	// among the deliveries under way stay taken, until Drop.
	Dead bool
}

// Answer tells the outcome of a delivery; after is the time that a subscriber asks
// for by Hold, of which between 0.1 s and an hour is granted. What is not being delivered is passed over.
func (f *Flow) Answer(now time.Time, at engine.Position, outcome Outcome, after time.Duration) Verdict {
	e := f.open[at]
	if e == nil || e.state != flying {
		return Verdict{}
	}
	f.learn(now, e, outcome, after)
	switch outcome {
	case Done:
		f.remove(e)
		return Verdict{}
	case Failed:
		return f.fail(now, e)
	default:
		// Not to the front: what one record leads to again and again must not keep the others waiting.
		f.move(e, ready)
		f.ready.push(e)
		return Verdict{}
	}
}

func (f *Flow) fail(now time.Time, e *entry) Verdict {
	e.attempts++
	if f.config.MaxAttempts > 0 && e.attempts >= f.config.MaxAttempts {
		f.move(e, dead)
		return Verdict{Attempts: e.attempts, Dead: true}
	}
	e.notBefore = now.Add(f.config.backoff(e.attempts, f.random))
	f.move(e, waiting)
	f.shed(e)
	heap.Push(&f.waiting, e)
	return Verdict{Attempts: e.attempts, NotBefore: e.notBefore}
}

// learn draws the conclusions for the whole subscription.
func (f *Flow) learn(now time.Time, e *entry, outcome Outcome, after time.Duration) {
	probing, probed := f.probe.wait > 0, f.probe.with == e
	switch {
	case outcome == Unseen && !probing:
		f.probe = probe{wait: firstProbe, at: now.Add(firstProbe)}
	case outcome == Unseen && probed:
		wait := min(2*f.probe.wait, lastProbe)
		f.probe = probe{wait: wait, at: now.Add(wait)}
	case outcome == Done || probed:
		// What was sent before the probing began and has failed proves nothing.
		f.probe = probe{}
	}
	switch outcome {
	case Hold:
		if until := now.Add(min(max(after, minHold), maxHold)); until.After(f.hold) {
			f.hold = until
		}
	case Gone:
		f.gone = true
	default:
	}
}
