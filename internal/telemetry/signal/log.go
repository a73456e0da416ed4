package signal

// Severity is OpenTelemetry's severity number: 1 to 24, four for each of trace,
// debug, info, warn, error and fatal. 0: it is not known.
type Severity uint8

// The lowest severity of each name.
const (
	SeverityTrace Severity = 1
	SeverityDebug Severity = 5
	SeverityInfo  Severity = 9
	SeverityWarn  Severity = 13
	SeverityError Severity = 17
	SeverityFatal Severity = 21
)

// String is the severity's name, in lower case; empty: it is not known.
func (s Severity) String() string {
	switch {
	case s == 0:
		return ""
	case s < SeverityDebug:
		return "trace"
	case s < SeverityInfo:
		return "debug"
	case s < SeverityWarn:
		return "info"
	case s < SeverityError:
		return "warn"
	case s < SeverityFatal:
		return "error"
	}
	return "fatal"
}

// Log is a log record: a line that an instance wrote, or one that came by OTLP.
type Log struct {
	Time     int64 // nanoseconds since 1970
	Severity Severity
	// Text is the body: several lines where they belong together (a stack trace).
	Text     string
	Trace    TraceID // zero: it belongs to none
	Span     SpanID
	Resource *Resource // never nil
	Scope    Scope
	Attrs    Attrs
}
