package view

import (
	"strings"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// EntrySource is the name in a log record's prefix: its instance, or its service.
func EntrySource(e *banyanv1.LogEntry) string {
	return Source(&banyanv1.LogRecord{Service: e.GetService(), Instance: e.GetInstance()})
}

var severityStyles = map[string]Style{"trace": Dim, "debug": Dim, "warn": Yellow, "error": Red, "fatal": Red}

func severityStyle(e *banyanv1.LogEntry) Style { return severityStyles[e.GetSeverity()] }

func entryLines(e *banyanv1.LogEntry) []string {
	return strings.Split(strings.TrimRight(e.GetText(), "\r\n"), "\n")
}

// Entry is a log record: a line, with its severity if that is known, and more if
// its text has more.
func Entry(e *banyanv1.LogEntry, o LogOptions) []string {
	at := e.GetTime().AsTime().In(o.Location).Format("15:04:05.000")
	prefix := Dim.Paint(at, o.Color) + " " + Prefix(EntrySource(e), e.GetService(), o)
	var out []string
	for i, text := range entryLines(e) {
		switch {
		case o.Terminal && o.Color:
			text = KeepColors(text)
		case o.Terminal:
			text = Clean(text)
		}
		if i == 0 && e.GetSeverity() != "" {
			text = severityStyle(e).Paint(strings.ToUpper(Clean(e.GetSeverity())), o.Color) + " " + text
		}
		out = append(out, prefix+text)
	}
	return out
}

// EntryJSON is a log record as one JSON object on a line.
func EntryJSON(e *banyanv1.LogEntry) string {
	to := struct {
		Time       string            `json:"time"`
		Severity   string            `json:"severity,omitempty"`
		Service    string            `json:"service"`
		Instance   string            `json:"instance,omitempty"`
		Revision   string            `json:"revision,omitempty"`
		Trace      string            `json:"trace,omitempty"`
		Span       string            `json:"span,omitempty"`
		Scope      string            `json:"scope,omitempty"`
		Text       string            `json:"text"`
		Attributes map[string]string `json:"attributes,omitempty"`
		Resource   map[string]string `json:"resource,omitempty"`
	}{
		maybeStamp(e.GetTime()), e.GetSeverity(), e.GetService(), e.GetInstance(), e.GetRevision(), e.GetTraceId(), e.GetSpanId(), e.GetScope(),
		e.GetText(), attributeMap(e.GetAttributes()), attributeMap(e.GetResource()),
	}
	return objectJSON(to)
}

func attributeMap(attributes []*banyanv1.Attribute) map[string]string {
	out := map[string]string{}
	for _, a := range attributes {
		if _, twice := out[a.GetKey()]; !twice {
			out[a.GetKey()] = a.GetValue()
		}
	}
	return out
}
