//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

const (
	swapRate  = 2000 // requests a second
	swapEvery = 100 * time.Millisecond
)

// swapOutcome is what changes of one route of many do to requests, again and
// again. Peers are not measured: a reload of theirs closes the connections of
// the load.
type swapOutcome struct {
	Title string  `json:"title"`
	Rate  float64 `json:"per_second"`
	quantiles

	Max float64 `json:"max_us"` // of all rounds
}

// swap measures Banyan at a fixed rate, without and with changes meanwhile.
func (b *bench) swap(c benchCase, rep *report) error {
	alone := *b
	alone.peers = b.peers[:1]
	t, err := alone.enter(c)
	if err != nil {
		return err
	}
	defer t.leave()
	every := fmt.Sprintf(" every %s", swapEvery)
	kinds := []struct {
		title string
		sig   os.Signal
	}{{"nothing changes", nil}, {"a route changes" + every, changeSignal}, {"all are sent" + every, wholeSignal}}
	samples, slowest := make([][]quantiles, len(kinds)), make([]float64, len(kinds))
	for n := range b.rounds(c) {
		err := t.round(n, func(r *racer) error {
			for i, k := range kinds {
				q, most, err := t.slowest(r, k.sig)
				if err != nil {
					return err
				}
				samples[i], slowest[i] = append(samples[i], q), max(slowest[i], most)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for i, k := range kinds {
		o := swapOutcome{Title: k.title, Rate: swapRate, quantiles: middle(samples[i]), Max: slowest[i]}
		o.Failed = text(t.racer[0].failed)
		rep.Swaps = append(rep.Swaps, o)
	}
	return nil
}

// slowest is a round's quantiles and its greatest latency in µs, while the process
// gets sig, if it is not nil.
func (t *contest) slowest(r *racer, sig os.Signal) (q quantiles, slowest float64, err error) {
	if sig != nil {
		stop := r.proc.signalEvery(swapEvery, sig)
		defer stop()
	}
	m := meter{noise: &t.b.noise}
	s := r.spec
	s.Rate = swapRate
	res, err := t.loop.Run(r.proc.addr, s, t.b.o.warm, t.b.o.duration*3/2, m.begin(r.proc), m.end)
	if err != nil {
		return q, 0, err
	}
	micros := func(p float64) float64 { return float64(res.Latencies.Quantile(p)) / float64(time.Microsecond) }
	q = quantiles{P50: micros(0.5), P99: micros(0.99), P999: micros(0.999), CPU: m.perRequest(res), Overloaded: res.Overdue > res.Requests/100}
	return q, micros(1), nil
}

// signalEvery sends sig to the process until stop is called.
func (p *process) signalEvery(d time.Duration, sig os.Signal) (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(d)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				_ = p.cmd.Process.Signal(sig) // one that has ended fails the load
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}

// printSwaps is the table of what changes do to requests.
func (r *report) printSwaps(w io.Writer) {
	if len(r.Swaps) == 0 {
		return
	}
	fmt.Fprintf(w, "\nBanyan's latency µs with 10,000 routes at %.0f/s, p50 / p99 / p99.9 / slowest\n\n", r.Swaps[0].Rate)
	for _, o := range r.Swaps {
		fmt.Fprintf(w, "%-34s %s / %s\n", o.Title, o.quantiles, micros(o.Max))
	}
}
