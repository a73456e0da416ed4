package point

import "github.com/banyanrun/banyan/internal/telemetry/signal"

// Type is what a metric is.
type Type uint8

// The types of metrics.
const (
	Gauge     Type = iota
	Sum            // cumulative, and it only rises
	Histogram      // cumulative, with bounds of its own
	Exponential
	Summary
)

// String is the type's name as OpenTelemetry has it.
func (t Type) String() string {
	return [...]string{"gauge", "sum", "histogram", "exponential_histogram", "summary"}[t]
}

// Metric is what its points have in common, which share it.
type Metric struct {
	Name, Help string
	// Unit is UCUM's where it is known: s, By.
	Unit string
	Type Type
}

// Point is a measurement. What is not its type's is zero.
type Point struct {
	Metric   *Metric          // never nil
	Resource *signal.Resource // never nil; points of one share it
	Attrs    signal.Attrs     // texts
	Time     int64            // nanoseconds since 1970
	// Ended says that the series has ended: there is no value.
	Ended bool
	// Value of a Gauge or a Sum.
	Value float64
	// Count and Sum of the others.
	Count uint64
	Sum   float64
	// Bounds and Counts of a Histogram: the last count has no bound.
	Bounds []float64
	Counts []uint64
	// Scale to Negative are those of an Exponential.
	Scale              int
	Zero               uint64
	ZeroThreshold      float64
	Positive, Negative Buckets
	// Quantiles of a Summary, by rising order.
	Quantiles []Quantile
}

// Buckets are adjacent ones: that of index i holds what is above base^i and at most
// base^(i+1), where base is 2^2^-Scale.
type Buckets struct {
	Offset int
	Counts []uint64
}

// Quantile is a value of a Summary.
type Quantile struct{ At, Value float64 }
