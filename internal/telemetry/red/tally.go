package red

import (
	"encoding/hex"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// tallyRest is how long a tally is kept that nothing comes for, in milliseconds.
const tallyRest = int64(time.Hour / time.Millisecond)

// tally counts operations that have something in common.
type tally struct {
	calls, errors uint64
	durations     account.Histogram
	example       example // stands for those since the last look

	told      bool
	toldCalls uint64
	toldAt    int64 // when there were new calls, in milliseconds
}

func (n *tally) add(s *signal.Span) {
	n.calls++
	failed, took := s.Status == signal.StatusError, time.Duration(s.Duration())
	if failed {
		n.errors++
	}
	n.durations.Observe(took)
	n.example.see(example{trace: s.Trace, span: s.ID, end: s.End, duration: took, failed: failed})
}

// tallies are those of each key. The zero value is ready.
type tallies[K comparable] struct {
	of   map[K]*tally
	last int64 // when they were looked at, in milliseconds
}

// begin returns the tally of a key, which is new.
func (t *tallies[K]) begin(key K) *tally {
	if t.of == nil {
		t.of = map[K]*tally{}
	}
	n := &tally{}
	t.of[key] = n
	return n
}

// look calls show with each tally and with when it was zero, if that was not told yet;
// 0: it was, or nobody knows when. Those that nothing came for are forgotten.
func (t *tallies[K]) look(now time.Time, show func(key K, n *tally, zero int64), forgotten func(key K)) {
	at := now.UnixMilli()
	for key, n := range t.of {
		if n.toldCalls != n.calls {
			n.toldCalls, n.toldAt = n.calls, at
		} else if at-n.toldAt >= tallyRest {
			delete(t.of, key)
			forgotten(key)
			continue
		}
		zero := int64(0)
		if !n.told && t.last < at {
			zero = t.last
		}
		n.told = true
		show(key, n, zero)
	}
	t.last = at
}

// counter appends a counter's value, and its zero.
func counter(out []metrics.Sample, ls metrics.Labels, v uint64, at, zero int64) []metrics.Sample {
	if zero > 0 {
		out = append(out, metrics.Sample{Labels: ls, Time: zero})
	}
	return append(out, metrics.Sample{Labels: ls, Time: at, Value: float64(v)})
}

// took appends the durations, with an exemplar if there were any since the last look.
func (n *tally) took(out []metrics.Sample, ls metrics.Labels, at, zero int64) []metrics.Sample {
	if zero > 0 {
		out = append(out, metrics.Sample{Labels: ls, Time: zero, Histogram: &metrics.Histogram{Scale: scale}})
	}
	s := metrics.Sample{Labels: ls, Time: at, Histogram: histogram(&n.durations)}
	if n.example != (example{}) {
		s.Exemplars = []metrics.Exemplar{*n.example.exemplar()}
		n.example = example{}
	}
	return append(out, s)
}

// see keeps the one of two that stands for both: one that failed, or else the slower.
func (e *example) see(next example) {
	if *e == (example{}) || next.failed && !e.failed || next.failed == e.failed && next.duration > e.duration {
		*e = next
	}
}

func (e *example) exemplar() *metrics.Exemplar {
	return &metrics.Exemplar{
		Labels: metrics.Labels{{Name: "span_id", Value: hex.EncodeToString(e.span[:])}, {Name: "trace_id", Value: hex.EncodeToString(e.trace[:])}},
		Value:  e.duration.Seconds(), Time: time.Unix(0, e.end).UnixMilli(),
	}
}
