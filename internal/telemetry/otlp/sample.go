package otlp

import "math"

// Type is what a metric is, by the names of OpenMetrics.
type Type uint8

// The types of metrics.
const (
	Unknown Type = iota
	Counter
	Gauge
	HistogramType // with buckets of its own, as series, or exponential
	Summary
	Info
)

// Family is a metric: what its series have in common. Samples share it.
type Family struct {
	// Name is as Prometheus has it: without the suffixes of a histogram's series.
	Name string
	Type Type
	Help string
	// Unit is as the sender wrote it; empty: there is none.
	Unit string
}

// Label is a label of a series. Neither part is empty.
type Label struct{ Name, Value string }

// Sample is the value of a series at a time.
type Sample struct {
	Family *Family // never nil
	// Name is the series': the family's, or with _bucket, _sum or _count.
	Name string
	// Labels are sorted by name, each there once, without __name__.
	Labels []Label
	// Time is in nanoseconds since 1970.
	Time int64
	// Start is since when a counter or histogram counts. 0: it is not known.
	Start int64
	// Value is a number; IsStale says that the series has ended.
	Value float64
	// Histogram is in place of Value. Nil: it is a number.
	Histogram *Histogram
	Exemplars []Exemplar
}

// Histogram is an exponential one, as Prometheus' native histograms are: bucket n
// holds what is greater than base^(n-1) and at most base^n, where base is 2^2^-Schema.
type Histogram struct {
	Schema        int32 // -4 to 8
	ZeroThreshold float64
	ZeroCount     uint64
	Count         uint64
	Sum           float64 // NaN: it is not known
	Positive      Buckets
	Negative      Buckets // of absolute values
}

// Buckets are the buckets from Offset on.
type Buckets struct {
	Offset int32
	Counts []uint64
}

// Exemplar is one measurement among those of a sample.
type Exemplar struct {
	Value  float64
	Time   int64 // nanoseconds since 1970
	Labels []Label
}

// staleBits are Prometheus' mark of a series that has ended.
const staleBits = 0x7ff0000000000002

// Stale is the value that says that a series has ended.
func Stale() float64 { return math.Float64frombits(staleBits) }

// IsStale reports whether a value says that a series has ended.
func IsStale(v float64) bool { return math.Float64bits(v) == staleBits }
