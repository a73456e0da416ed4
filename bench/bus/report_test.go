//go:build linux

package main

import (
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	rep := &report{
		JetStream: true,
		Publish: []publishOutcome{{Publishers: 64, Bytes: 256, Rates: []rate{
			{"log", 5000, 4000, 6000}, {"HTTP, 10 a batch", 9000, 9000, 9000}, {"JetStream", 2000, 1, 3000}, {"JetStream, 10 at a time", 3000, 3000, 3000},
		}}},
		Latency: []latencyOutcome{{PerSecond: 200, Figures: []latencyFigure{
			{"banyan", quantiles{1, 2}, quantiles{1, 4}}, {"JetStream", quantiles{1, 2}, quantiles{2, 16}},
		}}},
		Sync: quantiles{0.25, 10},
	}
	var b strings.Builder
	rep.print(&b)
	text := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{
		"log 64 256 5000 4000 6000 2.50", "HTTP, 10 a batch 64 256 9000 9000 9000 3.00", "banyan 200 1.00 / 2.00 1.00 / 4.00 0.50 / 0.25", "p99: 0.25 / 10.00",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}

func TestQuantiles(t *testing.T) {
	var all []time.Duration
	for n := range 100 {
		all = append(all, time.Duration(100-n)*time.Millisecond)
	}
	if q := quantilesOf(all); q != (quantiles{51, 100}) {
		t.Errorf("quantiles %v", q)
	}
	if q := middle([]quantiles{{1, 9}, {3, 5}, {2, 7}}); q != (quantiles{2, 7}) {
		t.Errorf("middle %v", q)
	}
}
