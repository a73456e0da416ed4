package alert

import (
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// stateSeries says which alerts were pending and firing when, as in Prometheus.
const stateSeries = "ALERTS"

// alerting are the series of an alert's result: a number alone is one without labels.
func alerting(r *metrics.Result) []metrics.Series {
	if r.Kind == metrics.KindScalar {
		return []metrics.Series{{Points: []metrics.Point{r.Scalar}}}
	}
	return r.Series
}

// recorded are the samples that a recording writes.
func recorded(rule Rule, r *metrics.Result, now time.Time) []metrics.Sample {
	var out []metrics.Sample
	for _, s := range alerting(r) {
		if len(s.Points) == 0 {
			continue // the outcome is a histogram, which loses its form in a query
		}
		ls := append(s.Labels.Without(metrics.NameLabel), metrics.Label{Name: metrics.NameLabel, Value: rule.Name})
		for name, value := range rule.Labels {
			ls = append(ls.Without(name), metrics.Label{Name: name, Value: value})
		}
		out = append(out, metrics.Sample{Labels: ls, Time: now.UnixMilli(), Value: valueOf(s)})
	}
	return out
}

// states are the samples of ALERTS at a time, with an end for those that are over.
func (e *Evaluator) states(now time.Time) []metrics.Sample {
	before := e.series
	e.series = make(map[string]metrics.Labels, len(before))
	var out []metrics.Sample
	for _, t := range e.tracks {
		for _, a := range t.active {
			ls := append(slices.Clone(a.Labels),
				metrics.Label{Name: metrics.NameLabel, Value: stateSeries}, metrics.Label{Name: "alertstate", Value: string(a.State)})
			e.series[ls.String()] = ls
			out = append(out, metrics.Sample{Labels: ls, Time: now.UnixMilli(), Value: 1})
		}
	}
	for key, ls := range before {
		if e.series[key] == nil {
			out = append(out, metrics.Sample{Labels: ls, Time: now.UnixMilli(), Value: metrics.StaleMarker})
		}
	}
	return out
}
