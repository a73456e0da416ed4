package stream

import (
	"math"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/account"
)

// edge is what went over an edge in a second.
type edge struct {
	From     string             `json:"from"`
	To       string             `json:"to"`
	Route    string             `json:"route,omitempty"`
	RPS      float64            `json:"rps"`
	EPS      float64            `json:"eps"`
	P50      float64            `json:"p50,omitempty"` // seconds
	P95      float64            `json:"p95,omitempty"`
	P99      float64            `json:"p99,omitempty"`
	InFlight int64              `json:"in_flight,omitempty"`
	Codes    map[string]float64 `json:"codes,omitempty"`
}

type ratesEvent struct {
	Time    time.Time `json:"time"`
	Seconds float64   `json:"seconds"`
	Edges   []edge    `json:"edges"`
}

const (
	// window is how long a baseline of latencies is used: quantiles are of the last
	// one to two windows.
	window = 10 * time.Second
	// staleRates is how old counts may be for the difference to say something.
	staleRates = 5 * time.Second
)

// counts are those of all edges at a time.
type counts struct {
	since, taken time.Time
	edges        map[account.Key]account.Counters
}

// rates turns counts into rates, as differences.
type rates struct {
	last counts
	// base and later are earlier counts, from which quantiles are.
	base, later counts
}

// next is the event for new counts; nil: there are none to compare them with.
func (r *rates) next(s *account.Snapshot) *ratesEvent {
	now := counts{since: s.Since, taken: s.Taken, edges: make(map[account.Key]account.Counters, len(s.Edges))}
	for i := range s.Edges {
		now.edges[s.Edges[i].Key] = s.Edges[i].Total()
	}
	before := r.last
	r.last = now
	// Another data plane begins at nothing.
	if !before.since.Equal(now.since) || now.taken.Sub(before.taken) > staleRates || !now.taken.After(before.taken) {
		r.base, r.later = now, now
		return nil
	}
	if now.taken.Sub(r.later.taken) >= window {
		r.base, r.later = r.later, now
	}
	seconds := now.taken.Sub(before.taken).Seconds()
	e := &ratesEvent{Time: now.taken.UTC(), Seconds: round(seconds), Edges: []edge{}}
	for i := range s.Edges {
		key := s.Edges[i].Key
		is, was, base := now.edges[key], before.edges[key], r.base.edges[key]
		if is.Requests == was.Requests && s.Edges[i].InFlight == 0 {
			continue
		}
		one := edge{
			From: key.Caller, To: key.Callee, Route: key.Route, InFlight: s.Edges[i].InFlight,
			RPS: round(float64(is.Requests-was.Requests) / seconds), EPS: round(float64(is.Errors-was.Errors) / seconds),
		}
		one.P50, one.P95, one.P99 = quantiles(&is.Latency, &base.Latency)
		for code, n := range is.Codes {
			if n > was.Codes[code] {
				if one.Codes == nil {
					one.Codes = map[string]float64{}
				}
				one.Codes[code] = round(float64(n-was.Codes[code]) / seconds)
			}
		}
		e.Edges = append(e.Edges, one)
	}
	return e
}

// quantiles are those of what was counted since base, in seconds.
func quantiles(is, base *account.Histogram) (p50, p95, p99 float64) {
	was := map[time.Duration]uint64{}
	for b := range base.All() {
		was[b.From] = b.Count
	}
	var buckets []account.Bucket
	total := uint64(0)
	for b := range is.All() {
		if b.Count -= min(b.Count, was[b.From]); b.Count > 0 {
			buckets = append(buckets, b)
			total += b.Count
		}
	}
	at := func(q float64) float64 {
		rank := uint64(math.Ceil(q * float64(total)))
		for _, b := range buckets {
			if b.Count >= rank {
				return round(b.Value().Seconds())
			}
			rank -= b.Count
		}
		return 0
	}
	if total == 0 {
		return 0, 0, 0
	}
	return at(0.50), at(0.95), at(0.99)
}

// round keeps four digits, which is what the counts are good for.
func round(v float64) float64 {
	if v == 0 {
		return 0
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}
