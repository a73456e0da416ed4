package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// report is all that was measured.
type report struct {
	Rates         []rate    `json:"rates,omitempty"`
	Sync          quantiles `json:"sync"` // of 4 KiB, between rounds
	Open          int       `json:"open"`
	FirstProgress float64   `json:"first_progress_s,omitempty"`
	EndedLater    int       `json:"ended_10s_later,omitempty"`
	Finished      int       `json:"finished"`
	HeapMiB       float64   `json:"heap_mib,omitempty"`
	ResidentMiB   float64   `json:"resident_mib,omitempty"`
	FileMiB       float64   `json:"file_mib,omitempty"`
}

// rate is what one contender does: medians over rounds, with the least and the most.
type rate struct {
	Name     string    `json:"name"`
	InFlight int       `json:"in_flight"`
	Median   float64   `json:"median"`
	Min      float64   `json:"min"`
	Max      float64   `json:"max"`
	Took     quantiles `json:"took"`
	CPU      float64   `json:"cpu_us"` // of one, services included
}

// quantiles are in milliseconds.
type quantiles struct {
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
}

func figure(name string, inFlight int, samples []sample) rate {
	var rates, p50, p99, cpu []float64
	for _, s := range samples {
		q := quantilesOf(s.took)
		rates, p50, p99 = append(rates, s.perSecond), append(p50, q.P50), append(p99, q.P99)
		cpu = append(cpu, float64(s.cpu.Microseconds()))
	}
	return rate{
		Name: name, InFlight: inFlight, Median: median(rates), Min: slices.Min(rates), Max: slices.Max(rates),
		Took: quantiles{median(p50), median(p99)}, CPU: median(cpu),
	}
}

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

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func (r *report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	if len(r.Rates) > 0 {
		fmt.Fprintln(w, "three steps\tin flight\tsagas/s\tleast\tmost\tp50 ms\tp99 ms\tCPU µs\t× calls and commits\t")
	}
	for i, c := range r.Rates {
		fmt.Fprintf(w, "%s\t%d\t%.0f\t%.0f\t%.0f\t%.2f\t%.2f\t%.0f\t%s\t\n", c.Name, c.InFlight, c.Median, c.Min, c.Max, c.Took.P50, c.Took.P99, c.CPU, r.ratio(c))
		if i%3 == 2 {
			fmt.Fprintln(w, "\t\t\t\t\t\t\t\t\t")
		}
	}
	_ = w.Flush() // standard output
	if len(r.Rates) > 0 {
		fmt.Fprintf(out, "fsync of 4 KiB between the rounds, ms, p50 / p99: %.2f / %.2f\n", r.Sync.P50, r.Sync.P99)
		fmt.Fprintln(out, "DTM cannot be had here; "+published)
	}
	if r.FirstProgress > 0 {
		fmt.Fprintf(out, "%d sagas open at the start: the first goes on after %.2f s, %d have ended 10 s later\n", r.Open, r.FirstProgress, r.EndedLater)
	}
	if r.ResidentMiB > 0 {
		fmt.Fprintf(out, "%d sagas that have ended: %.0f MiB on the disk, %.1f MiB of heap for the coordinator, %.0f MiB resident\n", r.Finished, r.FileMiB, r.HeapMiB, r.ResidentMiB)
	}
}

// published is what cannot be measured beside it.
const published = "what it publishes of itself (https://en.dtm.pub/other/performance.html, 4 cores, MySQL): 935 sagas/s that are empty, 575 with two statements, 531 with its barrier"

// ratio compares with calls and commits.
func (r *report) ratio(c rate) string {
	for _, peer := range r.Rates {
		if peer.Name == "calls and commits" && peer.InFlight == c.InFlight && peer.Median > 0 {
			return fmt.Sprintf("%.2f", c.Median/peer.Median)
		}
	}
	return "–"
}
