//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// report is all that a run found.
type report struct {
	Machine string            `json:"machine"`
	Rounds  int               `json:"rounds"`
	Peers   map[string]string `json:"peers"`             // version
	Missing []string          `json:"missing,omitempty"` // not installed
	Cases   []outcome         `json:"cases,omitempty"`
	Latency []latencyOutcome  `json:"latency,omitempty"`
	Swaps   []swapOutcome     `json:"swaps,omitempty"`
	Memory  []memoryOutcome   `json:"memory,omitempty"`
	// Disturbed is the share of the measured time for which other work had a core.
	Disturbed float64 `json:"disturbed"`

	order []string // of the peers
}

// outcome is what a case found of each proxy.
type outcome struct {
	Case    string            `json:"case"`
	Title   string            `json:"title"`
	Unit    string            `json:"unit"`
	Figures map[string]figure `json:"figures"`

	targets map[string]float64
}

// figure is what a case found of one proxy.
type figure struct {
	CPU     float64   `json:"cpu_us,omitempty"` // CPU µs a request, the median of Samples
	Samples []float64 `json:"samples,omitempty"`
	Rate    float64   `json:"per_second,omitempty"` // requests, with the proxy on one core
	Failed  string    `json:"failed,omitempty"`     // why there is no figure
}

func (b *bench) newReport() *report {
	rep := &report{Machine: machine(), Rounds: b.o.rounds, Peers: map[string]string{}, Missing: b.missing}
	for _, p := range b.peers {
		rep.Peers[p.name] = p.says
		rep.order = append(rep.order, p.name)
	}
	return rep
}

// heading says what is measured on what.
func (b *bench) heading() {
	fmt.Println(machine())
	for _, p := range b.peers {
		fmt.Printf("%-8s %s\n", p.name, p.says)
	}
	for _, name := range b.missing {
		fmt.Printf("%-8s not found: install it, or point to it with -%s PATH\n", name, name)
	}
}

func machine() string {
	var u unix.Utsname
	_ = unix.Uname(&u) // never fails
	model := runtime.GOARCH
	cpuinfo, _ := os.ReadFile("/proc/cpuinfo") // only to be shown
	for line := range strings.Lines(string(cpuinfo)) {
		if name, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(v)
			break
		}
	}
	return fmt.Sprintf("%s, Linux %s, %s; proxies on one core, load and backend on another", model,
		unix.ByteSliceToString(u.Release[:]), runtime.Version())
}

func (r *report) print(w io.Writer) {
	r.printCosts(w)
	r.printLatencies(w)
	r.printSwaps(w)
	r.printMemory(w)
	r.printFailures(w)
	const quiet = 0.05
	if r.Disturbed > quiet {
		fmt.Fprintf(w, "\nOther work had the cores for %.0f %% of the time: ratios are rough, latencies worthless.\n", 100*r.Disturbed)
	}
}

// printCosts is the table of CPU times, ours against the peers'.
func (r *report) printCosts(w io.Writer) {
	if len(r.Cases) == 0 {
		return
	}
	width := 0
	for _, o := range r.Cases {
		width = max(width, utf8.RuneCountInString(o.title()))
	}
	fmt.Fprintf(w, "\nCPU µs a request, medians; ×peer is ours to the peer's, with its target where there is one\n\n%-*s", width, "")
	var against strings.Builder
	for _, p := range r.order[1:] {
		fmt.Fprintf(&against, "   %-15s", "×"+p)
	}
	r.columns(w, 9, against.String())
	for _, o := range r.Cases {
		fmt.Fprintf(w, "%-*s", width, o.title())
		for _, p := range r.order {
			fmt.Fprintf(w, " %9s", o.Figures[p])
		}
		for _, p := range r.order[1:] {
			fmt.Fprintf(w, "   %-15s", o.ratio(p))
		}
		fmt.Fprintln(w)
	}
}

func (o outcome) title() string {
	if o.Unit == "request" {
		return o.Title
	}
	return o.Title + ", a " + o.Unit
}

func (f figure) String() string {
	switch {
	case f.Failed != "":
		return "failed"
	case f.CPU == 0:
		return "–"
	case f.CPU >= 1000:
		return fmt.Sprintf("%.0f", f.CPU)
	}
	return fmt.Sprintf("%.1f", f.CPU)
}

// ratio of our CPU time to a peer's, and whether it meets its target.
func (o outcome) ratio(peer string) string {
	ours, theirs := o.Figures["banyan"], o.Figures[peer]
	if ours.CPU == 0 || theirs.CPU == 0 || ours.Failed+theirs.Failed != "" {
		return "–"
	}
	ratio := ours.CPU / theirs.CPU
	target, ok := o.targets[peer]
	switch {
	case !ok:
		return fmt.Sprintf("%.2f", ratio)
	case ratio <= target:
		return fmt.Sprintf("%.2f ≤ %.2f", ratio, target)
	}
	return fmt.Sprintf("%.2f > %.2f !", ratio, target)
}

// printLatencies is the table of latencies, a line for each rate.
func (r *report) printLatencies(w io.Writer) {
	if len(r.Latency) == 0 {
		return
	}
	fmt.Fprintf(w, "\nLatency µs at a fixed rate, p50 / p99 / p99.9, from when a request was due\n\n%-28s", "")
	r.columns(w, 24, "")
	for _, o := range r.Latency {
		title := fmt.Sprintf("%.0f/s", o.Rate)
		if o.Share > 0 {
			title += fmt.Sprintf(" (%.0f %% of capacity)", 100*o.Share)
		}
		fmt.Fprintf(w, "%-28s", title)
		for _, p := range r.order {
			fmt.Fprintf(w, " %24s", o.Figures[p])
		}
		fmt.Fprintln(w)
	}
}

// printMemory is the table of what connections cost.
func (r *report) printMemory(w io.Writer) {
	for _, o := range r.Memory {
		fmt.Fprintf(w, "\nMemory (RSS), %d idle connections\n\n%-28s", o.Connections, "")
		r.columns(w, 10, "")
		fmt.Fprintf(w, "%-28s", "KiB a connection")
		for _, p := range r.order {
			fmt.Fprintf(w, " %10s", o.Figures[p].perConnection())
		}
		fmt.Fprintf(w, "\n%-28s", "MiB before")
		for _, p := range r.order {
			fmt.Fprintf(w, " %10.1f", float64(o.Figures[p].Before)/mib)
		}
		fmt.Fprintln(w)
	}
}

func (m resident) perConnection() string {
	if m.Failed != "" {
		return "failed"
	}
	return fmt.Sprintf("%.1f", m.PerConn/kib)
}

// columns are the peers' names, right-aligned.
func (r *report) columns(w io.Writer, width int, end string) {
	for _, p := range r.order {
		fmt.Fprintf(w, " %*s", width, p)
	}
	fmt.Fprintln(w, end)
}

// printFailures says why there are no figures.
func (r *report) printFailures(w io.Writer) {
	say := func(what, peer, why string) {
		if why != "" {
			fmt.Fprintf(w, "\n%s, %s failed: %s\n", what, peer, strings.TrimSpace(why))
		}
	}
	for _, o := range r.Swaps {
		say("swap", r.order[0], o.Failed)
	}
	for _, p := range r.order {
		for _, o := range r.Cases {
			say(o.Case, p, o.Figures[p].Failed)
		}
		for _, o := range r.Latency {
			say(fmt.Sprintf("latency at %.0f/s", o.Rate), p, o.Figures[p].Failed)
		}
		for _, o := range r.Memory {
			say("memory", p, o.Figures[p].Failed)
		}
	}
}

// median of no samples is 0.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
