// Package workqueue stands for k8s.io/client-go/util/workqueue, to which
// Prometheus' service discovery hands its own metrics. Nothing here queues.
package workqueue

// GaugeMetric goes up and down by one.
type GaugeMetric interface {
	Inc()
	Dec()
}

// SettableGaugeMetric is set.
type SettableGaugeMetric interface{ Set(v float64) }

// CounterMetric goes up by one.
type CounterMetric interface{ Inc() }

// HistogramMetric observes values.
type HistogramMetric interface{ Observe(v float64) }

// MetricsProvider makes metrics of queues.
type MetricsProvider interface {
	NewDepthMetric(name string) GaugeMetric
	NewAddsMetric(name string) CounterMetric
	NewLatencyMetric(name string) HistogramMetric
	NewWorkDurationMetric(name string) HistogramMetric
	NewUnfinishedWorkSecondsMetric(name string) SettableGaugeMetric
	NewLongestRunningProcessorSecondsMetric(name string) SettableGaugeMetric
	NewRetriesMetric(name string) CounterMetric
}

// SetProvider does nothing.
func SetProvider(MetricsProvider) {}
