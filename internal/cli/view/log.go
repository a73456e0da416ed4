package view

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// LogOptions decide how log lines look.
type LogOptions struct {
	// Names is the width that prefixes are padded to.
	Names int
	// Time puts the local time of day in front.
	Time bool
	// Terminal removes what a terminal would obey; colours stay where Color is set.
	Terminal bool
	Color    bool
	Location *time.Location
}

// Source is the name in a record's prefix: its instance, or its service.
func Source(r *banyanv1.LogRecord) string {
	switch id := r.GetInstance(); {
	case id == "":
		return r.GetService()
	case strings.HasPrefix(id, r.GetService()):
		return id
	default:
		return r.GetService() + "/" + id
	}
}

// Log is a record as one line: the line itself is left as it is, JSON or not.
func Log(r *banyanv1.LogRecord, o LogOptions) string {
	text := r.GetLine()
	switch {
	case o.Terminal && o.Color:
		text = KeepColors(text)
	case o.Terminal:
		text = Clean(text)
	}
	prefix := Prefix(Source(r), r.GetService(), o)
	if !o.Time {
		return prefix + text
	}
	at := r.GetTime().AsTime().In(o.Location).Format("15:04:05.000")
	return Dim.Paint(at, o.Color) + " " + prefix + text
}

// Prefix is what stands in front of a line of source, coloured for its service.
func Prefix(source, service string, o LogOptions) string {
	return ServiceStyle(service).Paint(Pad(Clean(source), o.Names)+" |", o.Color) + " "
}

// LogJSON is a record as one JSON object on a line.
func LogJSON(r *banyanv1.LogRecord) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	// Encoding a struct of strings into memory cannot fail.
	_ = enc.Encode(struct {
		Time     string `json:"time"`
		Service  string `json:"service"`
		Instance string `json:"instance,omitempty"`
		Stream   string `json:"stream,omitempty"`
		Line     string `json:"line"`
	}{r.GetTime().AsTime().UTC().Format(time.RFC3339Nano), r.GetService(), r.GetInstance(), r.GetStream(), r.GetLine()})
	return strings.TrimSuffix(b.String(), "\n")
}
