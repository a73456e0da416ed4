package view

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// StatsOptions decide how Stats looks.
type StatsOptions struct {
	Width int
	Color bool
}

// Stats is the table of `banyan stats`: a row a caller and callee, or a route, and
// the errors below it; then one of who was refused before there was a request.
// Rates are those from before to after; all else is of after.
func Stats(before, after *banyanv1.StatsResponse, o StatsOptions) []string {
	return append(edges(before, after, o), refusals(after.GetRefusals(), o)...)
}

// refusals is the table of who was refused, by kind; empty if nobody was.
func refusals(counts map[string]uint64, o StatsOptions) []string {
	if len(counts) == 0 {
		return nil
	}
	var rows []row
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		rows = append(rows, row{cells: []cell{{text: Clean(kind)}, {text: strconv.FormatUint(counts[kind], 10), right: true}}})
	}
	headings := []cell{{text: "REFUSED", style: Dim}, {text: "TOTAL", style: Dim, right: true}}
	return append([]string{""}, table(headings, rows, o.Width, o.Color)...)
}

func edges(before, after *banyanv1.StatsResponse, o StatsOptions) []string {
	if len(after.GetEdges()) == 0 {
		age := after.GetTime().AsTime().Sub(after.GetSince().AsTime())
		return []string{"no requests since the data plane started, " + Duration(age) + " ago"}
	}
	headings := []cell{
		{text: "CALLER"}, {text: "CALLEE"}, {text: "ROUTE"}, {text: "REQ/S", right: true}, {text: "TOTAL", right: true},
		{text: "ERR %", right: true}, {text: "P50", right: true}, {text: "P99", right: true}, {text: "IN FLIGHT", right: true},
	}
	for i := range headings {
		headings[i].style = Dim
	}
	var rows []row
	rate := newRates(before, after)
	for _, e := range after.GetEdges() {
		rows = append(rows, edgeRows(e, rate.of(e))...)
	}
	out := table(headings, rows, o.Width, o.Color)
	if n := after.GetOverflow(); n > 0 {
		out = append(out, "", line{{fmt.Sprintf("%d more requests are in no row: there are too many edges", n), Yellow}}.render(o.Width, o.Color))
	}
	return out
}

func edgeRows(e *banyanv1.EdgeStats, rate float64) []row {
	c := e.GetTotal()
	callee := cell{text: Clean(e.GetCallee())}
	if callee.text == "" {
		callee = cell{text: "(none)", style: Dim}
	}
	percent, look := "", Plain
	if c.GetRequests() > 0 {
		percent = short(100 * float64(c.GetErrors()) / float64(c.GetRequests()))
	}
	if c.GetErrors() > 0 {
		look = Red
	}
	rows := []row{{cells: []cell{
		{text: Clean(e.GetCaller())}, callee, {text: Clean(e.GetRoute())}, {text: short(rate), right: true},
		{text: strconv.FormatUint(c.GetRequests(), 10), right: true}, {text: percent, style: look, right: true},
		{text: quantile(c.GetLatency(), c.GetLatency().GetP50().AsDuration()), right: true},
		{text: quantile(c.GetLatency(), c.GetLatency().GetP99().AsDuration()), right: true},
		{text: strconv.FormatInt(e.GetInFlight(), 10), right: true},
	}}}
	if codes := c.GetCodes(); len(codes) > 0 {
		var parts []string
		for _, code := range slices.Sorted(maps.Keys(codes)) {
			parts = append(parts, fmt.Sprintf("%s %d", Clean(code), codes[code]))
		}
		rows = append(rows, row{free: line{{"  └ " + strings.Join(parts, ", "), Yellow}}})
	}
	return rows
}

// rates are the requests a second between two answers.
type rates struct {
	before  map[string]uint64
	seconds float64
}

func newRates(before, after *banyanv1.StatsResponse) rates {
	r := rates{before: map[string]uint64{}}
	since := before.GetTime().AsTime()
	if before.GetSince().AsTime().Equal(after.GetSince().AsTime()) {
		for _, e := range before.GetEdges() {
			r.before[edgeName(e)] = e.GetTotal().GetRequests()
		}
	} else { // another data plane, which began to count in between
		since = after.GetSince().AsTime()
	}
	r.seconds = after.GetTime().AsTime().Sub(since).Seconds()
	return r
}

func (r rates) of(e *banyanv1.EdgeStats) float64 {
	if r.seconds <= 0 {
		return 0
	}
	return max(0, float64(e.GetTotal().GetRequests())-float64(r.before[edgeName(e)])) / r.seconds
}

func edgeName(e *banyanv1.EdgeStats) string {
	return strings.Join([]string{e.GetCaller(), e.GetCallee(), e.GetRoute()}, "\x00")
}

// short is a number ≥ 0 with as many digits as say something: 0, 0.25, 3.1, 212.
func short(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 0.01:
		return "<0.01"
	case v < 1:
		return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(v, 'f', 2, 64), "0"), ".")
	case v < 100:
		return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// quantile is d, of what was measured, to two digits: 84µs, 1.2ms, 340ms, 2.1s.
func quantile(l *banyanv1.Latency, d time.Duration) string {
	if l.GetCount() == 0 {
		return ""
	}
	return took(d)
}

// took is how long something took, to two digits.
func took(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%dµs", d.Microseconds())
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1fms", float64(d.Microseconds())/1000)
	}
	return Duration(d)
}
