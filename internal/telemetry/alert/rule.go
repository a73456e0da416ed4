package alert

import (
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// Interval is how often rules are evaluated.
const Interval = 15 * time.Second

// Rule is something that is evaluated again and again.
type Rule struct {
	// Name is the alert's, or the metric that a recording writes.
	Name string
	// Recording says that it is a recording: only Expr and Labels count then.
	Recording bool
	// Expr is PromQL. An alert is active for each series that it returns.
	Expr string
	// For is how long it must hold before the alert fires.
	For time.Duration
	// KeepFiring is how long it must not hold before the alert is over.
	KeepFiring time.Duration
	// Labels are added to those of the series; severity is one of them.
	Labels map[string]string
	// Summary and Description are templates: {{ $labels.service }}, {{ $value }}.
	Summary, Description string
	// Shipped says that it is Banyan's own.
	Shipped bool
}

// State is where an alert stands.
type State string

// The states of alerts, as Prometheus calls them.
const (
	Inactive State = "inactive"
	Pending  State = "pending"
	Firing   State = "firing"
	Resolved State = "resolved" // it fired, and is over
)

// Active is an alert that is pending or firing, for one series.
type Active struct {
	// Labels are those of the series and the rule, with alertname.
	Labels      metrics.Labels    `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	State       State             `json:"state"`
	// Since is when the expression began to hold, Fired when it fired.
	Since time.Time `json:"since"`
	Fired time.Time `json:"fired"`
	// Ended is when the expression ceased to hold, of an alert that is kept firing, or
	// when it was over, of one that is resolved.
	Ended time.Time `json:"ended,omitzero"`
	Value float64   `json:"value"`
}

// RuleStatus is a rule and how its last evaluation went.
type RuleStatus struct {
	Rule

	State State
	// Active are the alerts that are pending or firing, Past those that were resolved
	// within the last hour, the latest of them last.
	Active, Past []Active
	// Error says why the last evaluation failed; empty: it did not.
	Error string
	// Last is when it was evaluated, zero: never; Took is how long that took.
	Last time.Time
	Took time.Duration
}
