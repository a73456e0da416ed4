//go:build linux

package main

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// latencyOutcome is the latency of each proxy at one rate.
type latencyOutcome struct {
	Rate    float64              `json:"per_second"`
	Share   float64              `json:"share,omitempty"` // of the capacity of the weakest that is not slow; 0: a rate of its own
	Figures map[string]quantiles `json:"figures"`
}

// quantiles are medians over rounds, in µs from when a request was due to the end of its answer.
type quantiles struct {
	P50  float64 `json:"p50_us,omitempty"`
	P99  float64 `json:"p99_us,omitempty"`
	P999 float64 `json:"p999_us,omitempty"`
	CPU  float64 `json:"cpu_us,omitempty"` // CPU µs a request
	// Overloaded is set where requests came faster than answers: the latency grows
	// without end, and its figures say only how long the measurement took.
	Overloaded bool   `json:"overloaded,omitempty"`
	Failed     string `json:"failed,omitempty"`
}

// latency measures all proxies at the same rates: a low one, and shares of what
// the weakest can do of those that are not slow and not of the past.
func (b *bench) latency(c benchCase, rep *report) error {
	t, err := b.enter(c)
	if err != nil {
		return err
	}
	defer t.leave()
	capacity := math.Inf(1)
	err = t.round(0, func(r *racer) error {
		_, rate, err := t.cost(r)
		if err == nil && !r.slow && r.name != "before" {
			capacity = min(capacity, rate)
		}
		return err
	})
	if err != nil {
		return err
	}
	if math.IsInf(capacity, 1) {
		return errors.New("no proxy's capacity is known")
	}
	for _, o := range []latencyOutcome{{Rate: 500}, {Share: 0.5}, {Share: 0.8}} {
		if o.Share > 0 {
			o.Rate = math.Round(o.Share * capacity)
		}
		if err := t.latencyAt(&o); err != nil {
			return err
		}
		rep.Latency = append(rep.Latency, o)
	}
	return nil
}

func (t *contest) latencyAt(o *latencyOutcome) error {
	samples := map[string][]quantiles{}
	for n := range t.b.rounds(t.c) {
		err := t.round(n, func(r *racer) error {
			q, err := t.quantiles(r, o.Rate)
			samples[r.name] = append(samples[r.name], q)
			return err
		})
		if err != nil {
			return err
		}
	}
	o.Figures = map[string]quantiles{}
	for _, r := range t.racer {
		if r.failed != nil {
			o.Figures[r.name] = quantiles{Failed: text(r.failed)}
			continue
		}
		o.Figures[r.name] = middle(samples[r.name])
	}
	return nil
}

// middle is the median of each figure.
func middle(rounds []quantiles) quantiles {
	over := 0
	for _, q := range rounds {
		if q.Overloaded {
			over++
		}
	}
	of := func(f func(quantiles) float64) float64 {
		v := make([]float64, len(rounds))
		for i, q := range rounds {
			v[i] = f(q)
		}
		return median(v)
	}
	return quantiles{
		P50: of(func(q quantiles) float64 { return q.P50 }), P99: of(func(q quantiles) float64 { return q.P99 }),
		P999: of(func(q quantiles) float64 { return q.P999 }), CPU: of(func(q quantiles) float64 { return q.CPU }),
		Overloaded: 2*over > len(rounds),
	}
}

// quantiles of one round, which takes half as long again as others: the rare
// latencies are few.
func (t *contest) quantiles(r *racer, rate float64) (q quantiles, err error) {
	m := meter{noise: &t.b.noise}
	s := r.spec
	s.Rate = rate
	res, err := t.loop.Run(r.proc.addr, s, t.b.o.warm, t.b.o.duration*3/2, m.begin(r.proc), m.end)
	if err != nil {
		return q, err
	}
	micros := func(p float64) float64 { return float64(res.Latencies.Quantile(p)) / float64(time.Microsecond) }
	return quantiles{
		P50: micros(0.5), P99: micros(0.99), P999: micros(0.999), CPU: m.perRequest(res),
		Overloaded: res.Overdue > res.Requests/100,
	}, nil
}

func (q quantiles) String() string {
	switch {
	case q.Failed != "":
		return "failed"
	case q.Overloaded:
		return "overloaded"
	case q.P50 == 0:
		return "–"
	}
	return fmt.Sprintf("%s / %s / %s", micros(q.P50), micros(q.P99), micros(q.P999))
}

// micros is a number of µs, with k for a thousand of them.
func micros(v float64) string {
	if v >= 10_000 {
		return fmt.Sprintf("%.0fk", v/1000)
	}
	return fmt.Sprintf("%.0f", v)
}
