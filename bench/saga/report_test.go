package main

import (
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	ms := func(n int) []time.Duration { return []time.Duration{time.Duration(n) * time.Millisecond} }
	rep := &report{Open: 5, FirstProgress: 0.25, EndedLater: 4, Rates: []rate{
		figure("saga", 64, []sample{{50, time.Millisecond, ms(3)}, {70, time.Millisecond, ms(5)}, {60, time.Millisecond, ms(4)}}),
		figure("calls and commits", 64, []sample{{120, time.Millisecond, ms(1)}}),
	}}
	var out strings.Builder
	rep.print(&out)
	for _, want := range []string{"60", "50", "70", "4.00", "0.50", "1000", "5 sagas open at the start: the first goes on after 0.25 s, 4 have ended"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, out.String())
		}
	}
}
