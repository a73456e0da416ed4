package alert

import "time"

// Severities of the alerts that Banyan ships. Others may be used too.
const (
	Critical = "critical" // somebody is without service now
	Warning  = "warning"  // somebody will be
)

// answered are the requests that count: not Banyan's own, and of a service there is.
const answered = `callee!="", caller!="banyan"`

// burn is true while the share of requests that failed is above a threshold over a
// long and over a short time: the long one keeps a blip from telling anybody, the
// short one ends the alert soon after the cause has ended. The objective is that
// 99 % succeed; at 14.4 times the share that may fail a month's worth is gone in two
// days (Google, The Site Reliability Workbook, chapter 5).
func burn(long, short, share string) string {
	ratio := func(window string) string {
		return `sum by (callee) (rate(banyan_request_errors_total{` + answered + `}[` + window + `]))` +
			` / sum by (callee) (rate(banyan_requests_total{` + answered + `}[` + window + `]))`
	}
	return `(` + ratio(long) + `) > ` + share + "\n" +
		`and (` + ratio(short) + `) > ` + share + "\n" +
		`and sum by (callee) (increase(banyan_requests_total{` + answered + `}[` + short + `])) >= 10`
}

// Shipped are the rules that every app has unless its file says otherwise.
func Shipped() []Rule {
	rules := []Rule{
		{
			Name: "ServiceDown", For: time.Minute, Labels: severity(Critical),
			Expr:        `banyan_service_ready_instances == 0 and banyan_service_desired_instances > 0`,
			Summary:     `{{ $labels.service }} has no instance that is ready`,
			Description: `Nobody answers requests to {{ $labels.service }}. See why: banyan ps, banyan logs {{ $labels.service }}.`,
		},
		{
			Name: "CrashLoop", KeepFiring: time.Minute, Labels: severity(Critical),
			Expr:        `max by (service) (banyan_instance_crashes) >= 3`,
			Summary:     `{{ $labels.service }} crashes again and again`,
			Description: `An instance of {{ $labels.service }} ended {{ $value }} times in a row before it was ready, or soon after. Its last words: banyan logs {{ $labels.service }}.`,
		},
		{
			Name: "ErrorsBurnFast", Labels: severity(Critical), KeepFiring: time.Minute,
			Expr:        burn("1h", "5m", "0.144"),
			Summary:     `{{ humanizePercentage $value }} of the requests to {{ $labels.callee }} fail`,
			Description: `Over the last hour and the last five minutes more than 14.4 % of the requests to {{ $labels.callee }} failed.`,
		},
		{
			Name: "ErrorsBurnSlowly", Labels: severity(Warning), For: 5 * time.Minute, KeepFiring: 5 * time.Minute,
			Expr:        burn("6h", "30m", "0.06"),
			Summary:     `{{ humanizePercentage $value }} of the requests to {{ $labels.callee }} fail`,
			Description: `Over the last six hours and the last thirty minutes more than 6 % of the requests to {{ $labels.callee }} failed.`,
		},
		{
			Name: "LatencyHigh", For: 5 * time.Minute, KeepFiring: time.Minute, Labels: severity(Warning),
			Expr: `histogram_quantile(0.99, sum by (callee) (rate(banyan_request_duration_seconds{` + answered + `}[5m]))) > 2.5` + "\n" +
				`and sum by (callee) (increase(banyan_requests_total{` + answered + `}[5m])) >= 10`,
			Summary:     `{{ $labels.callee }} is slow: one request in a hundred takes {{ humanizeDuration $value }} and more`,
			Description: `The 99th percentile of the last five minutes is above 2.5 s. Where the time goes: banyan traces, or Traces on the dashboard.`,
		},
	}
	return append(rules, shippedEvents()...)
}

// shippedEvents are those about events, sagas and the machine.
func shippedEvents() []Rule {
	rules := []Rule{
		{
			Name: "DeadLettersGrow", Labels: severity(Warning),
			Expr:        `delta(banyan_subscription_dead_letters[10m]) > 0`,
			Summary:     `{{ $labels.service }} cannot take events of {{ $labels.topic }}`,
			Description: `Events were given up in the last ten minutes and are dead letters now. Once the cause is gone: banyan events redrive {{ $labels.topic }}.`,
		},
		{
			Name: "EventsWait", For: 5 * time.Minute, Labels: severity(Warning),
			Expr:        `banyan_subscription_oldest_seconds > 600`,
			Summary:     `{{ $labels.service }} is behind on {{ $labels.topic }} by {{ humanizeDuration $value }}`,
			Description: `The oldest event that was not delivered waits that long: the service is too slow, or refuses events.`,
		},
		{
			Name: "OutboxRefused", Labels: severity(Warning),
			Expr:        `banyan_outbox_refused > 0`,
			Summary:     `the outbox of {{ $labels.service }} has events that cannot be published: {{ $value }}`,
			Description: `They break the topic's schema, or name a topic that the service does not publish.`,
		},
		{
			Name: "SagaNeedsAttention", Labels: severity(Critical),
			Expr:        `sum(banyan_sagas{state="needs_attention"}) > 0`,
			Summary:     `sagas need a person: {{ $value }}`,
			Description: `They can neither go on nor be undone by themselves. See which, and why: banyan sagas.`,
		},
		{
			Name: "DiskNearlyFull", For: 5 * time.Minute, Labels: severity(Critical),
			Expr:        `banyan_disk_free_bytes / banyan_disk_size_bytes < 0.05`,
			Summary:     `the disk is full but for {{ humanizePercentage $value }}`,
			Description: `Events, sagas and telemetry are refused once it is full.`,
		},
		{
			Name: "TelemetryDropped", Labels: severity(Warning), KeepFiring: 5 * time.Minute,
			Expr:        `sum by (where, reason) (increase(banyan_telemetry_dropped_total[5m])) > 0`,
			Summary:     `telemetry was dropped: {{ $labels.where }}, {{ $labels.reason }}`,
			Description: `What the dashboard shows of the last minutes is not complete.`,
		},
		{
			Name: "ExportBehind", Labels: severity(Warning),
			Expr:        `max by (target, signal) (banyan_export_behind_seconds) > 600`,
			Summary:     `{{ $labels.target }} has not got all {{ $labels.signal }} for {{ humanizeDuration $value }}`,
			Description: `The daemon's log says why: banyan logs daemon. What is not sent until it is no longer kept is missing there.`,
		},
	}
	return rules
}

func severity(s string) map[string]string { return map[string]string{severityLabel: s} }
