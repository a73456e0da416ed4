//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is all that was measured.
type report struct {
	JetStream bool             `json:"jetstream"`
	Publish   []publishOutcome `json:"publish,omitempty"`
	Latency   []latencyOutcome `json:"latency,omitempty"`
	Consume   []rate           `json:"consume,omitempty"`
	Sync      quantiles        `json:"sync"` // of 4 KiB, between rounds
}

// publishOutcome is what so many publishers can do, by contender.
type publishOutcome struct {
	Publishers int    `json:"publishers"`
	Bytes      int    `json:"bytes"`
	Rates      []rate `json:"rates"`
}

// rate is durable events a second: the median over rounds, the least and the most.
type rate struct {
	Name   string  `json:"name"`
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

type latencyOutcome struct {
	PerSecond int             `json:"per_second"`
	Figures   []latencyFigure `json:"figures"`
}

type latencyFigure struct {
	Name string    `json:"name"`
	Ack  quantiles `json:"ack"`  // from when it was due to the publisher's answer
	Push quantiles `json:"push"` // and to the subscriber
}

// quantiles are in milliseconds.
type quantiles struct {
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
}

func (q quantiles) String() string { return fmt.Sprintf("%.2f / %.2f", q.P50, q.P99) }

func quantilesOf(d []time.Duration) quantiles {
	if len(d) == 0 {
		return quantiles{}
	}
	sorted := slices.Sorted(slices.Values(d))
	at := func(share float64) float64 {
		return float64(sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]) / float64(time.Millisecond)
	}
	return quantiles{at(0.5), at(0.99)}
}

// middle is the median of each figure.
func middle(all []quantiles) quantiles {
	var p50, p99 []float64
	for _, q := range all {
		p50, p99 = append(p50, q.P50), append(p99, q.P99)
	}
	return quantiles{median(p50), median(p99)}
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func (r *report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	if len(r.Publish) > 0 {
		fmt.Fprintln(w, "durable events/s\tpublishers\tbytes\tmedian\tleast\tmost\t× JetStream\t")
	}
	for _, o := range r.Publish {
		for _, c := range o.Rates {
			fmt.Fprintf(w, "%s\t%d\t%d\t%.0f\t%.0f\t%.0f\t%s\t\n", c.Name, o.Publishers, o.Bytes, c.Median, c.Min, c.Max, o.ratio(c))
		}
		fmt.Fprintln(w, "\t\t\t\t\t\t\t")
	}
	if len(r.Latency) > 0 {
		fmt.Fprintln(w, "ms, p50 / p99\tevents/s\tto the answer\tto the subscriber\t× JetStream\t")
	}
	for _, o := range r.Latency {
		for _, f := range o.Figures {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t\n", f.Name, o.PerSecond, f.Ack, f.Push, o.ratio(f))
		}
	}
	if len(r.Consume) > 0 {
		fmt.Fprintln(w, "\nevents/s consumed\tmedian\tleast\tmost\t× JetStream\t")
		o := publishOutcome{Rates: r.Consume}
		for _, c := range r.Consume {
			fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%s\t\n", c.Name, c.Median, c.Min, c.Max, o.ratio(c))
		}
	}
	_ = w.Flush() // standard output
	fmt.Fprintf(out, "\nfsync of 4 KiB between the rounds, ms, p50 / p99: %s\n", r.Sync)
	if !r.JetStream {
		fmt.Fprintln(out, "without nats-server: these figures say something about the disk of today, and little about Banyan")
	}
}

// ratio compares with JetStream, batches with batches.
func (o publishOutcome) ratio(c rate) string {
	for _, peer := range o.Rates {
		_, batch, _ := strings.Cut(c.Name, ", ")
		if name, other, _ := strings.Cut(peer.Name, ", "); name == "JetStream" && peer.Median > 0 && (batch == "") == (other == "") {
			return fmt.Sprintf("%.2f", c.Median/peer.Median)
		}
	}
	return "–"
}

func (o latencyOutcome) ratio(f latencyFigure) string {
	for _, peer := range o.Figures {
		if p := peer.Push; peer.Name == "JetStream" && p.P50 > 0 && p.P99 > 0 {
			return fmt.Sprintf("%.2f / %.2f", f.Push.P50/p.P50, f.Push.P99/p.P99)
		}
	}
	return "–"
}
