package telemetry

import (
	"strings"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
	"github.com/banyanrun/banyan/internal/telemetry/otlp"
)

// describedMost bounds the families that are remembered as described.
const describedMost = 20_000

// shapes turn samples as they come in into samples as they are kept.
type shapes struct {
	mu        sync.Mutex
	described map[string]otlp.Family
}

// typeNames are the types of metrics as Prometheus calls them.
var typeNames = map[otlp.Type]string{
	otlp.Unknown: "unknown", otlp.Counter: "counter", otlp.Gauge: "gauge", otlp.HistogramType: "histogram", otlp.Summary: "summary", otlp.Info: "info",
}

// ours reports whether a metric's name is one that Banyan alone writes, so that no
// service can speak for it.
func ours(name string) bool {
	return strings.HasPrefix(name, "banyan_") || name == "ALERTS" || name == "ALERTS_FOR_STATE"
}

// samples returns them as they are kept, without those that are not a sender's to
// give, which are refused in number.
func (h *shapes) samples(from []otlp.Sample, series Series) (to []metrics.Sample, refused int) {
	to = make([]metrics.Sample, 0, len(from))
	var last *otlp.Family
	for i := range from {
		f := &from[i]
		if ours(f.Name) {
			refused++
			continue
		}
		if f.Family != last {
			last = f.Family
			h.describe(last, series)
		}
		to = append(to, metrics.Sample{})
		s := &to[len(to)-1]
		s.Time, s.Value = milliseconds(f.Time), f.Value
		if otlp.IsStale(f.Value) && f.Histogram == nil {
			s.Value = metrics.StaleMarker
		}
		s.Labels = make(metrics.Labels, 0, len(f.Labels)+1)
		s.Labels = append(s.Labels, metrics.Label{Name: metrics.NameLabel, Value: f.Name})
		s.Labels = appendLabels(s.Labels, f.Labels)
		s.Histogram = distribution(f.Histogram)
		for k := range f.Exemplars {
			x := &f.Exemplars[k]
			s.Exemplars = append(s.Exemplars, metrics.Exemplar{Labels: appendLabels(nil, x.Labels), Value: x.Value, Time: milliseconds(x.Time)})
		}
	}
	return to, refused
}

// describe tells the series what a family is, once for each description.
func (h *shapes) describe(f *otlp.Family, series Series) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f == nil || h.described[f.Name] == *f {
		return
	}
	if h.described == nil || len(h.described) >= describedMost {
		h.described = map[string]otlp.Family{}
	}
	h.described[f.Name] = *f
	series.Describe(f.Name, metrics.Metadata{Type: typeNames[f.Type], Unit: f.Unit, Help: f.Help})
}

func appendLabels(to metrics.Labels, from []otlp.Label) metrics.Labels {
	for _, l := range from {
		to = append(to, metrics.Label{Name: l.Name, Value: l.Value})
	}
	return to
}

// distribution is h with the bounds of buckets counted as metrics does: there bucket n
// ends where here bucket n+1 does.
func distribution(h *otlp.Histogram) *metrics.Histogram {
	if h == nil {
		return nil
	}
	return &metrics.Histogram{
		Count: h.Count, Sum: h.Sum, Scale: int(h.Schema), Zero: h.ZeroCount, ZeroThreshold: h.ZeroThreshold,
		Positive: metrics.Buckets{Offset: int(h.Positive.Offset) - 1, Counts: h.Positive.Counts},
		Negative: metrics.Buckets{Offset: int(h.Negative.Offset) - 1, Counts: h.Negative.Counts},
	}
}

func milliseconds(ns int64) int64 { return ns / int64(time.Millisecond) }
