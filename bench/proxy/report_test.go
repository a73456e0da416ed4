//go:build linux

package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/bench/proxy/load"
)

func TestRatio(t *testing.T) {
	o := outcome{targets: map[string]float64{"nginx": 0.75, "haproxy": 0.7}, Figures: map[string]figure{
		"banyan": {CPU: 15}, "nginx": {CPU: 20}, "haproxy": {CPU: 20}, "caddy": {CPU: 60}, "traefik": {CPU: 1, Failed: "late"},
	}}
	for peer, want := range map[string]string{
		"nginx": "0.75 ≤ 0.75", "haproxy": "0.75 > 0.70 !", "caddy": "0.25", "traefik": "–", "envoy": "–",
	} {
		if got := o.ratio(peer); got != want {
			t.Errorf("%s: %q, want %q", peer, got, want)
		}
	}
}

func TestFailureIsNoFigure(t *testing.T) {
	rep := &report{order: []string{"banyan", "nginx"}, Cases: []outcome{{
		Case: "h1-1", Title: "one", Unit: "request",
		Figures: map[string]figure{"banyan": {CPU: 12.34}, "nginx": {CPU: 99, Failed: text(errors.New("status 502"))}},
	}}}
	var b strings.Builder
	rep.print(&b)
	out := b.String()
	if !strings.Contains(out, "12.3") || !strings.Contains(out, "h1-1, nginx failed: status 502") || strings.Contains(out, "99") {
		t.Error(out)
	}
}

func TestMedian(t *testing.T) {
	for _, tc := range []struct {
		v    []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1}, 5}, {[]float64{9, 1, 2}, 2}} {
		if got := median(tc.v); got != tc.want {
			t.Errorf("median of %v is %v, want %v", tc.v, got, tc.want)
		}
	}
}

func TestSelected(t *testing.T) {
	list, err := selected(&options{only: []string{"h1-6", "tls"}})
	if err != nil || len(list) != 2 || list[0].name != "h1-64" || list[1].name != "tls-64" {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := selected(&options{only: []string{"h9"}}); err == nil {
		t.Error("a case that does not exist is no error")
	}
}

func TestCasesAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range cases() {
		if seen[c.name] || c.title == "" || c.unit == "" || c.measure == nil {
			t.Errorf("%+v", c)
		}
		seen[c.name] = true
	}
	if _, prefixes := manyRoutes(); len(prefixes) != 10_000 {
		t.Errorf("%d routes", len(prefixes))
	}
}

func TestHosts(t *testing.T) {
	j := job{prefixes: []load.Target{{Host: "a", Path: "/1"}, {Host: "a", Path: "/2"}, {Host: "b", Path: "/1"}}}
	got := j.hosts()
	if len(got) != 2 || got[0].Name != "a" || len(got[0].Paths) != 2 || got[1].Name != "b" {
		t.Errorf("%v", got)
	}
	if got := (job{}).hosts(); len(got) != 1 || got[0].Paths[0] != "/" {
		t.Errorf("without routes: %v", got)
	}
}
