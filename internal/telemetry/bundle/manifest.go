package bundle

import (
	"fmt"
	"regexp"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Attribute is that of the resources of imported records: the bundle's name.
const Attribute = "banyan.bundle"

// What a manifest says of itself.
const (
	format  = "banyan.telemetry.bundle"
	version = 1
)

// The names of entries. Between the first and the last two are traces and logs,
// each numbered from 1 on.
const (
	manifestName = "manifest.json"
	totalsName   = "totals.json"
	sumsName     = "SHA256SUMS"
	tracesDir    = "traces"
	logsDir      = "logs"
)

func partName(dir string, n int) string { return fmt.Sprintf("%s/%06d.json", dir, n) }

// The bounds of a bundle. What a Writer makes is within them.
const (
	// MostPacked and MostUnpacked are bytes of the file, and of what is in it.
	MostPacked   = 256 << 20
	MostUnpacked = 1 << 30
	mostTraces   = 100_000
	mostParts    = 20_000
	mostPart     = 16 << 20 // bytes of an entry, as OTLP's receivers take it
	mostText     = 4 << 20  // bytes of an entry that is about the others
)

// Manifest says what a bundle is. Its writer fills in the rest.
type Manifest struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	// Name tells it from others, wherever it goes: the app and when it was made.
	Name   string    `json:"name"`
	App    string    `json:"app"`
	Banyan string    `json:"banyan"` // the version of what wrote it
	Made   time.Time `json:"made"`
	// What was asked for: a filter and times, or traces.
	Filter string     `json:"filter,omitempty"`
	From   *time.Time `json:"from,omitempty"`
	To     *time.Time `json:"to,omitempty"`
	Traces []string   `json:"traces,omitempty"`
}

func (m *Manifest) check() error {
	switch {
	case m.Format != format:
		return fault.New(fault.Invalid, "it is no telemetry bundle of Banyan: its format is %.100q", m.Format).At(manifestName)
	case m.Version != version:
		return fault.New(fault.Invalid, "the bundle's version is %d; this Banyan reads version %d", m.Version, version).At(manifestName).
			Fix("import it with the Banyan that wrote it (%.40q), or a later one", m.Banyan)
	}
	return checkName(m.Name)
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

func checkName(name string) error {
	if !nameForm.MatchString(name) {
		return fault.New(fault.Invalid, "%.200q is no name of a bundle", name).
			Fix("use letters, digits, dots, hyphens and underscores, at most 128")
	}
	return nil
}

// nameOf is the name of a bundle of an app that is made at a time.
func nameOf(app string, made time.Time) string {
	clean := []byte(app)
	for i, c := range clean {
		if !nameForm.Match([]byte{c}) && (i == 0 || c != '-' && c != '_' && c != '.') {
			clean[i] = 'x'
		}
	}
	return string(clean[:min(len(clean), 60)]) + made.UTC().Format("-20060102T150405.000Z")
}

// Totals say what is in a bundle.
type Totals struct {
	Traces int `json:"traces"`
	Spans  int `json:"spans"`
	Logs   int `json:"logs"`
	// The earliest and the latest start of a span, or time of a log record.
	From *time.Time `json:"from,omitempty"`
	To   *time.Time `json:"to,omitempty"`
	// Left says what was asked for and is not in it.
	Left []string `json:"left,omitempty"`
}

// saw counts a record's time.
func (t *Totals) saw(ns int64) {
	at := time.Unix(0, ns).UTC()
	if t.From == nil || at.Before(*t.From) {
		t.From = &at
	}
	if t.To == nil || at.After(*t.To) {
		t.To = &at
	}
}

func (t *Totals) same(o *Totals) bool {
	return t.Traces == o.Traces && t.Spans == o.Spans && t.Logs == o.Logs
}

// tally counts what a bundle holds.
type tally struct {
	Totals

	traces map[signal.TraceID]struct{}
}

func newTally() *tally { return &tally{traces: map[signal.TraceID]struct{}{}} }

func (t *tally) spans(all []signal.Span) {
	for i := range all {
		t.traces[all[i].Trace] = struct{}{}
		t.saw(all[i].Start)
	}
	t.Spans += len(all)
	t.Traces = len(t.traces)
}

func (t *tally) logs(all []signal.Log) {
	for i := range all {
		t.saw(all[i].Time)
	}
	t.Logs += len(all)
}
