package view

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// Frame is everything beside the status that decides how progress looks.
type Frame struct {
	// Width cuts lines; 0: no limit.
	Width int
	// Height bounds how many lines there are; 0: no limit.
	Height int
	Color  bool
	// Now and Start give the elapsed time in the headline.
	Now, Start time.Time
	// Since says when each service came into its state.
	Since map[string]time.Time
	// Tick chooses the spinner's frame.
	Tick int
	// Down shows services in reverse order: the one that stops first is on top.
	Down bool
}

// maxDetails bounds the lines of output under one row of a live display.
const maxDetails = 12

// Progress is a headline and a row a service. Where the services do not fit,
// it counts them and shows those that are not ready, the failed ones first.
// Output that explains a failure stands under its row, as far as there is room.
func Progress(st *banyanv1.Status, f Frame) []string {
	services := slices.Clone(st.GetServices())
	if f.Down {
		slices.Reverse(services)
	}
	budget := f.Height
	if budget <= 0 {
		budget = 1 << 20
	}
	shown, hidden := services, 0
	crowded := 1+len(services) > budget
	if crowded {
		shown, hidden = pressing(services, f.Down, budget-2)
	}
	lines := []line{headline(st, services, f, crowded)}
	room := budget - 1 - len(shown)
	if hidden > 0 {
		room--
	}
	columns := measure(shown, f.Down)
	for _, s := range shown {
		lines = append(lines, columns.row(s, f))
		details := detailLines(s, min(room, maxDetails))
		room -= len(details)
		lines = append(lines, details...)
	}
	if hidden > 0 {
		lines = append(lines, line{{fmt.Sprintf("  … and %d more", hidden), Dim}})
	}
	return renderAll(lines[:min(len(lines), budget)], f)
}

func renderAll(lines []line, f Frame) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = l.render(f.Width, f.Color)
	}
	return out
}

// pressing returns at most room of the services that are not done, the worst
// first, and how many more there are.
func pressing(services []*banyanv1.Service, down bool, room int) (shown []*banyanv1.Service, hidden int) {
	for _, s := range services {
		if down && s.GetState() != banyanv1.State_STATE_STOPPED || !down && !Done(s) {
			shown = append(shown, s)
		}
	}
	slices.SortStableFunc(shown, func(a, b *banyanv1.Service) int {
		return cmp.Compare(urgency(a.GetState()), urgency(b.GetState()))
	})
	room = max(room, 0)
	if len(shown) <= room {
		return shown, 0
	}
	return shown[:room], len(shown) - room
}

func urgency(s banyanv1.State) int {
	switch s {
	case banyanv1.State_STATE_FAILED:
		return 0
	case banyanv1.State_STATE_BACKING_OFF:
		return 1
	case banyanv1.State_STATE_UNREADY:
		return 2
	case banyanv1.State_STATE_WAITING:
		return 4
	}
	return 3
}

func headline(st *banyanv1.Status, services []*banyanv1.Service, f Frame, crowded bool) line {
	l := line{{Clean(st.GetApp()), Bold}, {"  ", Plain}}
	switch {
	case f.Down:
		l = append(l, span{"stopping", Plain})
	case crowded:
		l = append(l, span{counts(services), Plain})
	default:
		done, total := tally(services)
		l = append(l, span{fmt.Sprintf("%d of %d ready", done, total), Plain})
	}
	if !f.Start.IsZero() {
		l = append(l, span{"  " + Duration(f.Now.Sub(f.Start)), Dim})
	}
	return l
}

// tally counts what is done of what is wanted; what is left out is not.
func tally(services []*banyanv1.Service) (done, total int) {
	for _, s := range services {
		if s.GetState() == banyanv1.State_STATE_LEFT_OUT {
			continue
		}
		total++
		if Done(s) {
			done++
		}
	}
	return done, total
}

// counts is "300 services: 280 ready, 18 building, 2 failed".
func counts(services []*banyanv1.Service) string {
	n := map[string]int{}
	var order []string
	for _, s := range services {
		word := serviceFace(s).word
		if n[word] == 0 {
			order = append(order, word)
		}
		n[word]++
	}
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(n[b], n[a]) })
	parts := make([]string, len(order))
	for i, word := range order {
		parts[i] = fmt.Sprintf("%d %s", n[word], word)
	}
	return fmt.Sprintf("%d services: %s", len(services), strings.Join(parts, ", "))
}

// columns are the widths that a set of rows shares; none is ready that goes down.
type columns struct{ name, word, ready int }

func measure(services []*banyanv1.Service, down bool) columns {
	var c columns
	for _, s := range services {
		c.name = max(c.name, Width(Clean(s.GetName())))
		c.word = max(c.word, Width(serviceFace(s).word))
		if !down {
			c.ready = max(c.ready, Width(readyCount(s)))
		}
	}
	return c
}

func (c columns) row(s *banyanv1.Service, f Frame) line {
	look := serviceFace(s)
	symbol := look.symbol
	if symbol == spin {
		symbol = spinner[f.Tick%len(spinner)]
	}
	l := line{
		{"  ", Plain}, {symbol, look.style}, {" ", Plain},
		{Pad(Clean(s.GetName()), c.name), Plain}, {"  ", Plain},
		{Pad(look.word, c.word), look.style},
	}
	if c.ready > 0 {
		l = append(l, span{"  ", Plain}, span{Pad(readyCount(s), c.ready), Plain})
	}
	if note := note(s, f); note != "" {
		l = append(l, span{"  ", Plain}, span{note, Dim})
	}
	return l
}

// readyCount is 1/2; jobs and what is left out have none.
func readyCount(s *banyanv1.Service) string {
	if s.GetJob() || s.GetState() == banyanv1.State_STATE_LEFT_OUT {
		return ""
	}
	if s.GetDesired() == 0 {
		return strconv.Itoa(int(s.GetReady())) // going away
	}
	return fmt.Sprintf("%d/%d", s.GetReady(), s.GetDesired())
}

// note is the reason, or how long it has taken so far, or took.
func note(s *banyanv1.Service, f Frame) string {
	if s.GetReason() != "" {
		return Clean(s.GetReason())
	}
	if s.GetState() == banyanv1.State_STATE_SCHEDULED && s.GetNextRun() != nil {
		return "next run " + s.GetNextRun().AsTime().In(f.Now.Location()).Format("15:04:05")
	}
	moving := !Done(s) && (!f.Down || s.GetState() == banyanv1.State_STATE_STOPPING)
	if since, ok := f.Since[s.GetName()]; ok && moving {
		return Duration(f.Now.Sub(since))
	}
	return ""
}

// detailLines shows the last of a failing service's output, at most n lines.
func detailLines(s *banyanv1.Service, n int) []line {
	details := s.GetDetails()
	if Done(s) || n <= 0 || len(details) == 0 {
		return nil
	}
	var out []line
	for _, d := range details[max(0, len(details)-n):] {
		out = append(out, line{{"      ", Plain}, {Clean(d), Plain}})
	}
	return out
}
