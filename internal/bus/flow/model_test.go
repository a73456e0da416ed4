package flow

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

func TestModel(t *testing.T) {
	// Some interleavings come only once in several hundred runs.
	for range 5 {
		rapid.Check(t, checkModel)
	}
}

func checkModel(t *rapid.T) {
	s := newSUT(t)
	act := func(f func(*rapid.T)) func(*rapid.T) {
		return func(t *rapid.T) {
			f(t)
			s.settle(t)
		}
	}
	t.Repeat(map[string]func(*rapid.T){
		"publish":  act(s.publish),
		"answer":   act(s.answer),
		"answer 2": act(s.answer),
		"answer 3": act(s.answer),
		"advance":  act(s.advance),
		"drop":     act(s.drop),
		"save":     s.save,
		"crash":    act(s.crash),
		"reopen":   act(s.reopen),
		"slowly":   act(s.slowly),
		"quickly":  act(s.quickly),
		"pause":    act(s.pause),
		"resume":   act(s.resume),
		"resume 2": act(s.resume),
	})
	s.finish(t)
}

// model is the same subscription as naively as can be: a list of records, each
// with what happened to it, and no queue of any kind.
type model struct {
	config  Config
	records []*naive // by partition and order of publishing
	now     time.Time

	paused, gone bool
	hold         time.Time
	probing      bool
	probe        *naive
	probeWait    time.Duration
	probeAt      time.Time
}

type naive struct {
	engine.Stored

	attempts  int
	notBefore time.Time
	flying    bool
	dead      bool // its dead letter is being stored
	done      bool
	sent      int
}

func (m *model) find(at engine.Position) *naive {
	for _, r := range m.records {
		if r.Position == at {
			return r
		}
	}
	return nil
}

func (m *model) busy() int {
	n := 0
	for _, r := range m.records {
		if r.flying || r.dead {
			n++
		}
	}
	return n
}

// head says whether all earlier records of the same key and partition are done.
func (m *model) head(r *naive) bool {
	for _, other := range m.records {
		if r.Key == "" || other == r {
			return true
		}
		if other.Key == r.Key && other.Partition == r.Partition && !other.done {
			return false
		}
	}
	return true
}

// why says why a record must not be sent now; empty: it may be.
func (m *model) why(r *naive) string {
	switch {
	case m.paused || m.gone:
		return "the subscription is stopped"
	case m.now.Before(m.hold):
		return "the subscription is held"
	case m.probing && m.probe != nil:
		return "a probe is under way"
	case m.probing && m.now.Before(m.probeAt):
		return "the next probe is later"
	case m.busy() >= m.config.Concurrency:
		return "concurrency"
	case r.done || r.flying || r.dead:
		return "it is done or under way"
	case !m.head(r):
		return "an earlier record of its key is open"
	case m.now.Before(r.notBefore):
		return "it waits for its next attempt"
	}
	return ""
}
