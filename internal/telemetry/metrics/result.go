package metrics

// Kind is the type of a query's result.
type Kind string

// The kinds of results, as Prometheus calls them.
const (
	KindScalar Kind = "scalar"
	KindString Kind = "string"
	KindVector Kind = "vector"
	KindMatrix Kind = "matrix"
)

// Result is the answer to a query.
type Result struct {
	Kind Kind
	// Series are those of a vector, with one point each and in the query's order, or
	// of a matrix, sorted by their labels.
	Series []Series
	// Scalar is that of a scalar; its Time that of a string too.
	Scalar Point
	Text   string
	// Warnings and Infos say what is doubtful about the query or its answer.
	Warnings, Infos []string
}

// Series is a series with some of its points, the oldest first. One that changed
// from numbers to histograms has both.
type Series struct {
	Labels     Labels
	Points     []Point
	Histograms []HistogramPoint
}

// Point is a number at a time.
type Point struct {
	Time  int64 // milliseconds since 1970
	Value float64
}

// HistogramPoint is a distribution at a time.
type HistogramPoint struct {
	Time int64 // milliseconds since 1970
	Distribution
}

// Distribution is a histogram as queries return it: they add, scale and subtract,
// so that its counts need not be whole.
type Distribution struct {
	Count, Sum float64
	// Buckets are those that are not empty, by rising bounds.
	Buckets []Bucket
	// Bounds are all upper bounds, where they are given rather than exponential.
	Bounds []float64
}

// Bucket is how many values lie between two bounds.
type Bucket struct {
	Lower, Upper float64
	// ClosedLower and ClosedUpper say that the bound itself belongs to it.
	ClosedLower, ClosedUpper bool
	Count                    float64
}

// ExemplarSeries are the exemplars of one series.
type ExemplarSeries struct {
	Labels    Labels
	Exemplars []Exemplar
}

// Metadata describes a metric.
type Metadata struct {
	// Type is counter, gauge, histogram, gaugehistogram, summary, info, stateset or unknown.
	Type string
	Unit string
	Help string
}

// Status says how a Store stands.
type Status struct {
	// Series are those in memory: that had a sample in the last hours.
	Series uint64
	// Bytes on disk, and how many there may be.
	Bytes, Limit int64
	// Oldest and Newest are the times of what is kept, in milliseconds since 1970.
	// Both are 0 where there is nothing.
	Oldest, Newest int64
	// Appended are the samples that were taken since Open.
	Appended uint64
	// Dropped are those that were not, by reason: see the Dropped constants.
	Dropped map[string]uint64
	// Refused are the samples that were dropped as DroppedSeries, by service: of many,
	// and of all that are not of the app, by Unnamed.
	Refused map[string]uint64
	// Damage says what was found damaged by Open, and what was done about it.
	Damage []string
}

// Why samples are not taken.
const (
	DroppedOld       = "too-old"      // before the newest of its series, or what memory goes back to
	DroppedDuplicate = "duplicate"    // another value for the same time
	DroppedFuture    = "future"       // later than the clock of this machine allows
	DroppedSeries    = "series-limit" // of a new series, where there are too many
	DroppedInvalid   = "invalid"      // labels or a histogram that cannot be
	DroppedExemplar  = "exemplar"     // an exemplar, not the sample itself
	DroppedDisk      = "disk-limit"   // the newest samples alone take up all that metrics may
	DroppedUnwritten = "unwritten"    // the disk did not take it
)
