package appfile

import "slices"

var telemetryKeys = map[string]string{
	"receivers": "write otlp: {grpc: 127.0.0.1:4317, http: 127.0.0.1:4318}", "otel": "write otlp: {grpc: 127.0.0.1:4317, http: 127.0.0.1:4318}", "opentelemetry": "write otlp: {grpc: 127.0.0.1:4317, http: 127.0.0.1:4318}",
	"sample": "write sample_percent: 10", "sampling": "write sample_percent: 10", "sample_rate": "write sample_percent: 10", "ratio": "write sample_percent: 10",
	"size": "it belongs below retention: write retention: {size: 2Gi}", "bytes": "it belongs below retention: write retention: {size: 2Gi}", "max_bytes": "it belongs below retention: write retention: {size: 2Gi}",
	"ttl": "it belongs below retention: write retention: {time: 15d}", "time": "it belongs below retention: write retention: {time: 15d}",
	"receiver": "write notify", "notifications": "write notify", "alertmanager": "write notify: [{webhook: URL}]",
	"alerts": "it stands at the top of the file, without indentation", "rules": "write alerts: and recordings: at the top of the file",
	"enabled": "remove it: telemetry is kept within its retention",
}

var telemetryRetentionKeys = map[string]string{
	"bytes": "write size", "max_bytes": "write size", "max_size": "write size", "disk": "write size",
	"age": "write time", "max_age": "write time", "duration": "write time", "ttl": "write time", "period": "write time", "days": "write time: 15d", "hours": "write time: 24h",
	"full": "remove it: what is oldest goes first", "traces": "remove it: traces, logs and metrics share the size", "logs": "remove it: traces, logs and metrics share the size", "metrics": "remove it: traces, logs and metrics share the size",
}

var notifyKeys = map[string]string{
	"url": "write webhook, or slack", "webhook_url": "write webhook", "slack_url": "write slack", "mail": "write email", "smtp": "write email", "to": "it belongs below email", "from": "it belongs below email",
	"mattermost": "write slack, which it understands", "discord": "write slack: with the webhook's URL and /slack after it", "teams": "write webhook: its JSON is Alertmanager's", "pagerduty": "write webhook: its JSON is Alertmanager's",
	"name": "remove it", "severity": "remove it: each is told of all alerts",
}

var emailKeys = map[string]string{
	"host": "write server: HOST:PORT", "port": "write server: HOST:PORT", "smarthost": "write server", "smtp": "write server", "address": "write server", "username": "write user", "auth_username": "write user",
	"auth_password": "write password", "pass": "write password", "sender": "write from", "recipients": "write to", "receiver": "write to", "require_tls": "write tls: starttls", "starttls": "write tls: starttls", "ssl": "write tls: tls",
}

var alertKeys = map[string]string{
	"alert": "remove it: the key is the name", "name": "remove it: the key is the name", "expression": "write expr", "query": "write expr", "promql": "write expr", "condition": "write expr", "when": "write expr", "if": "write expr",
	"duration": "write for", "pending": "write for", "after": "write for", "keep_firing_for": "write keep_firing", "level": "write severity", "priority": "write severity",
	"annotations": "write summary and description without this level", "message": "write summary", "title": "write summary", "text": "write description", "runbook": "write description", "runbook_url": "write description",
	"enabled": "write off in place of the mapping", "disabled": "write off in place of the mapping", "record": "write recordings: {NAME: EXPRESSION} at the top of the file",
	"notify": "it belongs below telemetry: each is told of all alerts", "interval": "remove it: expressions are evaluated every 15 seconds",
}

func (a *Alert) readNode(d *decoder, n *node, path string) {
	if n.kind == mapKind {
		d.fields(n, path, a)
		return
	}
	fix := "write NAME: {expr: …, for: 5m, summary: …}"
	if slices.Contains(ShippedAlerts, keyOf(path)) {
		fix = "write " + keyOf(path) + ": off, or " + keyOf(path) + ": {for: 5m}"
	}
	if n.kind == scalarKind {
		if text := d.resolve(n, n.text, 0, 0); text == "off" || text == "false" && (n.bool || text != n.text) {
			a.Off = true
			d.ix.set(join(path, "off"), n.pos(), n)
			return
		}
	}
	d.problem(n.pos(), "an alert must be off or a mapping, not "+n.describe(), fix)
	d.failed(path)
}

// UnmarshalJSON reads off, or a mapping.
func (a *Alert) UnmarshalJSON(data []byte) error { *a = Alert{}; return readJSON(data, a) }

// UnmarshalYAML reads off, or a mapping.
func (a *Alert) UnmarshalYAML(f func(any) error) error { *a = Alert{}; return readYAML(f, a) }
