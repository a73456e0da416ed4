package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// The scopes of spans of the data plane, and of sagas and their steps.
const (
	scopeHop  = "banyan.dataplane"
	scopeSaga = "banyan.saga"
)

// branch is a span in the tree of its trace.
type branch struct {
	span  *banyanv1.Span
	level int
	// note says what is not known about its place; empty: nothing.
	note string
}

// deepest is how far spans are indented at most.
const deepest = 16

func (b branch) depth() int { return min(b.level, deepest) }

// forest is spans as a tree, each before its children and those in the order of
// their start. A trace of which a part is missing is several trees.
func forest(spans []*banyanv1.Span) []branch {
	children, known := map[string][]*banyanv1.Span{}, map[string]bool{}
	for _, s := range spans {
		known[s.GetSpanId()] = true
	}
	var roots []*banyanv1.Span
	for _, s := range spans {
		if p := s.GetParentId(); p != s.GetSpanId() && known[p] {
			children[p] = append(children[p], s)
		} else {
			roots = append(roots, s)
		}
	}
	var out []branch
	shown := map[*banyanv1.Span]bool{}
	var grow func(some []*banyanv1.Span, level int)
	grow = func(some []*banyanv1.Span, level int) {
		slices.SortStableFunc(some, byStart)
		for _, s := range some {
			if shown[s] {
				continue
			}
			shown[s] = true
			b := branch{span: s, level: level}
			if level == 0 {
				b.note = gap(s)
			}
			out = append(out, b)
			grow(children[s.GetSpanId()], level+1)
		}
	}
	grow(roots, 0)
	for _, s := range spans { // those that are their own ancestors
		if !shown[s] {
			grow([]*banyanv1.Span{s}, 0)
		}
	}
	return out
}

func byStart(a, b *banyanv1.Span) int {
	return cmp.Or(a.GetStart().AsTime().Compare(b.GetStart().AsTime()), cmp.Compare(b.GetDuration().AsDuration(), a.GetDuration().AsDuration()))
}

// gap says what is missing before a span that begins a tree; empty: nothing.
func gap(s *banyanv1.Span) string {
	switch {
	case s.GetParentId() != "" && s.GetScope() == scopeSaga && attributeOf(s.GetAttributes(), "banyan.step") != "":
		return fmt.Sprintf("its saga %s has not ended, or its span is not kept", Clean(attributeOf(s.GetAttributes(), "banyan.saga")))
	case s.GetParentId() != "":
		return fmt.Sprintf("it is a part of span %s, which is not kept", Clean(s.GetParentId()))
	case caller(s) != "" && caller(s) != "gateway" && caller(s) != "banyan":
		return "if " + Clean(caller(s)) + " made this call to answer a request, it did not pass the traceparent on"
	}
	return ""
}

// caller is who made the request of a hop; empty: the span is none.
func caller(s *banyanv1.Span) string {
	if s.GetScope() != scopeHop {
		return ""
	}
	return attributeOf(s.GetAttributes(), "banyan.caller")
}

// label is a span's name, indented: who called, its service, and what for.
func (b branch) label() line {
	s := b.span
	l := line{{strings.Repeat("  ", b.depth()), Plain}}
	if from := caller(s); from != "" {
		l = append(l, span{Clean(from), ServiceStyle(from)}, span{" → ", Plain})
	}
	return append(l, span{Clean(s.GetService()), ServiceStyle(s.GetService())}, span{"  " + Clean(s.GetName()), Plain})
}

func (l line) width() int {
	n := 0
	for _, s := range l {
		n += Width(s.text)
	}
	return n
}

// fit cuts or fills a line to a width, which is more than 0.
func (l line) fit(width int) line {
	if n := l.width(); n <= width {
		return append(l, span{Pad("", width-n), Plain})
	}
	var out line
	for _, s := range l {
		w := Width(s.text)
		if w >= width { // what follows is cut too, so this one shows the ellipsis
			cut := Cut(s.text+" ", width)
			return append(out, span{cut + Pad("", width-Width(cut)), s.style})
		}
		out = append(out, s)
		width -= w
	}
	return out
}
