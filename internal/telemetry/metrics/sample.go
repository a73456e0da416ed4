package metrics

import (
	"math"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/value"
)

// NameLabel is the label that holds the name of a metric.
const NameLabel = "__name__"

// StaleMarker is a value that ends a series: queries do not see it any more from
// then on, rather than five minutes after its last sample.
var StaleMarker = math.Float64frombits(value.StaleNaN)

// Label is a name and its value. An empty value is the same as no label.
type Label struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Labels identify a series, NameLabel among them. A Store returns them sorted by
// name and takes them in any order.
type Labels []Label

// Named returns the labels of the metric name, with pairs of names and values.
func Named(name string, pairs ...string) Labels {
	ls := make(Labels, 1, 1+len(pairs)/2)
	ls[0] = Label{NameLabel, name}
	for i := 0; i+1 < len(pairs); i += 2 {
		ls = append(ls, Label{pairs[i], pairs[i+1]})
	}
	return ls
}

// Get is the value of a label; empty: there is none.
func (ls Labels) Get(name string) string {
	for _, l := range ls {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// Without are the labels but for those of the names.
func (ls Labels) Without(names ...string) Labels {
	return slices.DeleteFunc(slices.Clone(ls), func(l Label) bool { return slices.Contains(names, l.Name) })
}

// Map is the labels as a map.
func (ls Labels) Map() map[string]string {
	m := make(map[string]string, len(ls))
	for _, l := range ls {
		m[l.Name] = l.Value
	}
	return m
}

// Compare orders by name, then value, label by label. Both must be sorted.
func (ls Labels) Compare(other Labels) int {
	return slices.CompareFunc(ls, other, func(a, b Label) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Value, b.Value)
	})
}

// Sample is what was measured of one series at one time. Labels and what it points
// to are not kept after Append.
type Sample struct {
	Labels Labels
	// Time is in milliseconds since 1970.
	Time int64
	// Value counts where Histogram is nil.
	Value     float64
	Histogram *Histogram
	// Exemplars are examples of what was counted, the oldest first.
	Exemplars []Exemplar
}

// Histogram is a distribution, as one sample of one series. Its buckets are
// exponential, as OpenTelemetry's exponential histograms have them, or end at
// Bounds where there are some. Count, Sum and the buckets are cumulative: they
// never fall but where the process that counts began anew.
type Histogram struct {
	Count uint64
	Sum   float64
	// Scale says how wide the buckets are: bucket i holds the values above
	// 2^(i·2^-Scale), up to and including 2^((i+1)·2^-Scale). Range -4 to 20;
	// above 8 buckets are merged until it is 8.
	Scale int
	// Zero counts the values from -ZeroThreshold to ZeroThreshold.
	Zero          uint64
	ZeroThreshold float64
	// Negative are the buckets of the values below zero, by their absolute value.
	Positive, Negative Buckets
	// Bounds are the upper bounds of the buckets in Positive, whose Offset is 0
	// then; the last bucket, behind the last bound, has none. They rise.
	Bounds []float64
	// Gauge says that it is not cumulative.
	Gauge bool
}

// Buckets are the counts of adjacent buckets.
type Buckets struct {
	Offset int // index of the first
	Counts []uint64
}

// Exemplar is an example of what a series counts.
type Exemplar struct {
	// Labels say what it was: trace_id and span_id by convention. 128 characters in all.
	Labels Labels
	Value  float64
	Time   int64 // milliseconds since 1970
}
