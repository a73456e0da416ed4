package appfile

import "slices"

var telemetryKeys = map[string]string{
	"receivers": "write otlp: {grpc: 127.0.0.1:4317, http: 127.0.0.1:4318}", "otel": "write otlp: {grpc: 127.0.0.1:4317, http: 127.0.0.1:4318}", "opentelemetry": "write otlp: {grpc: 127.0.0.1:4317, http: 127.0.0.1:4318}",
	"sample": "write sample_percent: 10", "sampling": "write sample_percent: 10", "sample_rate": "write sample_percent: 10", "ratio": "write sample_percent: 10",
	"size": "it belongs below retention: write retention: {size: 2Gi}", "bytes": "it belongs below retention: write retention: {size: 2Gi}", "max_bytes": "it belongs below retention: write retention: {size: 2Gi}",
	"ttl": "it belongs below retention: write retention: {time: 15d}", "time": "it belongs below retention: write retention: {time: 15d}",
	"receiver": "write notify", "notifications": "write notify", "alertmanager": "write notify: [{webhook: URL}]",
	"alerts": "it stands at the top of the file, without indentation", "rules": "write alerts: and recordings: at the top of the file",
	"exporters": "write export", "exporter": "write export", "forward": "write export", "send_to": "write export", "remote_write": "write export: [{otlp: {url: URL}}], which Prometheus takes at /api/v1/otlp",
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

var exportKeys = map[string]string{
	"url": "write otlp: {url: URL}, or elasticsearch, zipkin or loki in its place", "endpoint": "write otlp: {url: URL}", "collector": "write otlp: {url: URL}", "opentelemetry": "write otlp", "otel": "write otlp", "otlphttp": "write otlp: {url: URL}",
	"otlp_http": "write otlp: {url: URL}", "otlp_grpc": "write otlp: {url: URL, protocol: grpc}", "jaeger": "write otlp: its collector takes that", "tempo": "write otlp, which it takes", "datadog": "write otlp: its agent takes that",
	"honeycomb": "write otlp: {url: URL, headers: {x-honeycomb-team: ${secret.KEY}}}", "elastic": "write elasticsearch", "opensearch": "write elasticsearch: OpenSearch has the same interface", "es": "write elasticsearch",
	"name": "remove it", "signals": "it belongs below otlp, or elasticsearch", "headers": "it belongs below otlp, zipkin or loki", "grafana": "write loki, and otlp for Tempo and Mimir", "promtail": "write loki", "victorialogs": "write loki: {url: URL}, with /insert behind the URL",
}

var exportHTTPKeys = map[string]string{ //nolint:gosec // examples of values
	"endpoint": "write url", "address": "write url", "host": "write url", "port": "write it in url", "insecure": "write url: http://…", "tls": "write url: https://…",
	"token": "write headers: {Authorization: Bearer ${secret.NAME}}", "tenant": "write headers: {X-Scope-OrgID: NAME}", "tenant_id": "write headers: {X-Scope-OrgID: NAME}",
	"signals": "remove it: zipkin gets traces, loki gets logs", "labels": "remove it: a record's labels are its service and its level", "timeout": "remove it: an attempt takes 10 seconds at most",
	"retry": "remove it: it is tried again for as long as telemetry is kept",
}

var exportOTLPKeys = map[string]string{ //nolint:gosec // names of keys
	"endpoint": "write url", "address": "write url", "host": "write url", "port": "write it in url", "insecure": "write url: http://…", "tls": "write url: https://…",
	"token": "write headers: {Authorization: Bearer ${secret.NAME}}", "api_key": "write headers, with the one that the receiver wants", "compression": "remove it: gzip is used", "timeout": "remove it: an attempt takes 10 seconds at most",
	"retry": "remove it: it is tried again for as long as telemetry is kept", "grpc": "write protocol: grpc", "http": "write protocol: http",
}

var exportElasticsearchKeys = map[string]string{ //nolint:gosec // names of keys
	"endpoint": "write url", "endpoints": "write url, with one of them", "urls": "write url, with one of them", "hosts": "write url, with one of them", "host": "write url", "username": "write user", "apikey": "write api_key", "key": "write api_key",
	"data_stream": "write index: with the data stream's name", "dataset": "write index", "pipeline": "write it in the index's template, as index.default_pipeline",
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
