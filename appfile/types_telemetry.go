package appfile

// Telemetry says what is kept of traces, logs and metrics, where they come in, and
// who is told of alerts.
type Telemetry struct {
	// OTLP are the addresses at which telemetry comes in from outside the app.
	// Services need none: their own address takes it too. Absent: none.
	OTLP *OTLP `yaml:"otlp,omitempty" json:"otlp,omitempty"`
	// Retention says how much is kept.
	Retention *TelemetryRetention `yaml:"retention,omitempty" json:"retention,omitempty"`
	// SamplePercent is how many of the traces are kept once the recent ones, which
	// are kept all, take up their share of the disk. Those with an error and those
	// that are slow are kept in any case. Range (0, 100]. Default: 10.
	SamplePercent float64 `yaml:"sample_percent,omitempty" json:"sample_percent,omitempty"`
	// Notify are told of alerts, each of all. Empty: alerts are on the dashboard only.
	Notify []*Notify `yaml:"notify,omitempty" json:"notify,omitempty"`
	// Export are those to whom all telemetry is sent, too. Empty: nobody.
	Export []*Export `yaml:"export,omitempty" json:"export,omitempty"`
}

// OTLP are addresses, such as 127.0.0.1:4317; ":4317" means loopback.
type OTLP struct {
	// GRPC is where OTLP over gRPC is taken. Empty: nowhere.
	GRPC string `yaml:"grpc,omitempty" json:"grpc,omitempty"`
	// HTTP is where OTLP over HTTP is taken, and Zipkin's JSON. Empty: nowhere.
	HTTP string `yaml:"http,omitempty" json:"http,omitempty"`
}

// TelemetryRetention says how much telemetry is kept: what is oldest goes first.
type TelemetryRetention struct {
	// Size bounds what traces, logs and metrics take up on disk together. At least
	// 64Mi. Default: 2Gi.
	Size Bytes `yaml:"size,omitempty" json:"size,omitempty"`
	// Time is how long they are kept, where there is room. Above 0s. Default: 15d.
	Time Duration `yaml:"time,omitempty" json:"time,omitempty"`
}

// Notify is somebody who is told of alerts. Exactly one of Webhook, Slack and Email
// is set.
type Notify struct {
	// Webhook is a URL that takes the JSON that Prometheus' Alertmanager posts. It
	// may use ${secret.NAME}.
	Webhook string `yaml:"webhook,omitempty" json:"webhook,omitempty"`
	// Slack is the URL of an incoming webhook of Slack, Mattermost or another that
	// takes the same. Whoever has it can post: write ${secret.NAME}.
	Slack string `yaml:"slack,omitempty" json:"slack,omitempty"`
	// Email is where mail goes.
	Email *Email `yaml:"email,omitempty" json:"email,omitempty"`
}

// Email is mail by SMTP.
type Email struct {
	// Server is HOST:PORT of a mail server.
	Server string `yaml:"server" json:"server"`
	// TLS is starttls (the connection is encrypted after the greeting), tls (from its
	// first byte, as on port 465) or none (on this machine only). Default: starttls.
	TLS string `yaml:"tls,omitempty" json:"tls,omitempty"`
	// User is whom the server knows. Empty: it asks for none.
	User string `yaml:"user,omitempty" json:"user,omitempty"`
	// Password is the user's: write ${secret.NAME}.
	Password string `yaml:"password,omitempty" json:"password,omitempty"`
	// From is the sender's address.
	From string `yaml:"from" json:"from"`
	// To are the receivers' addresses; in the file one, or a list.
	To StringList `yaml:"to" json:"to"`
}

// Alert says when something needs a person; in the file the word off, or a mapping.
// One with the name of an alert that Banyan ships changes that, or with off takes it
// away.
type Alert struct {
	// Off takes a shipped alert away. Default: false.
	Off bool `yaml:"off,omitempty" json:"off,omitempty"`
	// Expr is PromQL: each series that it returns is an alert. Default: the shipped
	// one's.
	Expr string `yaml:"expr,omitempty" json:"expr,omitempty"`
	// For is how long the expression must hold before the alert fires. Default: 0s,
	// or the shipped one's.
	For *Duration `yaml:"for,omitempty" json:"for,omitempty"`
	// KeepFiring is how long the expression must not hold before the alert is over.
	// Default: 0s, or the shipped one's.
	KeepFiring *Duration `yaml:"keep_firing,omitempty" json:"keep_firing,omitempty"`
	// Severity is critical, warning, info or a word of your own; it becomes a label.
	// Default: warning, or the shipped one's.
	Severity string `yaml:"severity,omitempty" json:"severity,omitempty"`
	// Summary is one line for people. {{ $labels.NAME }} and {{ $value }} are filled
	// in. Default: the alert's name and labels, or the shipped one's.
	Summary string `yaml:"summary,omitempty" json:"summary,omitempty"`
	// Description says more, with the same filled in. Default: none, or the shipped
	// one's.
	Description string `yaml:"description,omitempty" json:"description,omitempty"`
	// Labels are added to those of the series.
	Labels map[string]string `yaml:"labels,omitempty" json:"labels,omitempty"`
}

// ShippedAlerts are the names of the alerts that every app has.
var ShippedAlerts = []string{
	"CrashLoop", "DeadLettersGrow", "DiskNearlyFull", "ErrorsBurnFast", "ErrorsBurnSlowly", "EventsWait", "ExportBehind",
	"LatencyHigh", "OutboxRefused", "SagaNeedsAttention", "ServiceDown", "TelemetryDropped",
}
