package bundle

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/filter"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Sink is where imported records go to: a store, and nothing that counts or tells of
// what comes in. Its errors are fault.Errors.
type Sink interface {
	// KnowsTrace reports whether there are spans of a trace.
	KnowsTrace(ctx context.Context, id signal.TraceID) (bool, error)
	// KnowsBundle reports whether there are records of a bundle.
	KnowsBundle(ctx context.Context, name string) (bool, error)
	AppendSpans(spans []signal.Span) error
	AppendLogs(logs []signal.Log) error
	// Age is how old records become; 0: any age.
	Age(ctx context.Context) (time.Duration, error)
}

// Report is what came of an import.
type Report struct {
	Bundle string `json:"bundle"` // the name that the records have as an attribute
	Filter string `json:"filter"` // what finds them
	App    string `json:"app"`
	Traces int    `json:"traces"`
	Spans  int    `json:"spans"`
	Logs   int    `json:"logs"`
	// What was left out: traces that are kept here already, with their spans and log
	// records, and records that are older than anything is kept.
	KnownTraces int `json:"known_traces"`
	KnownSpans  int `json:"known_spans"`
	KnownLogs   int `json:"known_logs"`
	TooOld      int `json:"too_old"`
	// From and To are the times of what the bundle holds. Until KeptUntil all of it is
	// kept, if there is room: it ages as if it were the app's own.
	From      *time.Time `json:"from,omitempty"`
	To        *time.Time `json:"to,omitempty"`
	KeptUntil *time.Time `json:"kept_until,omitempty"`
	// Left is what the bundle does not have, though it was asked for.
	Left []string `json:"left,omitempty"`
}

// importer imports a bundle that was read once.
type importer struct {
	ctx    context.Context //nolint:containedctx // of one call
	sink   Sink
	oldest int64                   // records before are too old
	known  map[signal.TraceID]bool // whether it is left out
	// marked are resources with the bundle's name, by the ones they were made of.
	marked map[*signal.Resource]*signal.Resource
	report Report
}

// importFile imports a bundle under a name; empty: its own. Nothing is imported of one
// that is not right as a whole.
func importFile(ctx context.Context, file io.ReadSeeker, sink Sink, name string, now time.Time) (*Report, error) {
	c, err := read(whileReader{ctx, file}, visitor{})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = c.manifest.Name
	} else if err := checkName(name); err != nil {
		return nil, err
	}
	i := &importer{ctx: ctx, sink: sink, known: map[signal.TraceID]bool{}, report: Report{
		Bundle: name, Filter: Attribute + "=" + filter.Quote(name), App: c.manifest.App, From: c.totals.From, To: c.totals.To, Left: c.totals.Left,
	}}
	if err := i.check(c.totals, now); err != nil {
		return nil, err
	}
	if err := i.compare(c); err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	// From here on it is brought to its end, whether somebody waits for it or not: a
	// part of a bundle is of no use, and who left is not told of it.
	if _, err := read(file, visitor{spans: i.spans, logs: i.logs}); err != nil {
		return nil, i.partly(c.totals, err)
	}
	return &i.report, nil
}

// whileReader reads while somebody waits for it.
type whileReader struct {
	ctx  context.Context //nolint:containedctx // of one call
	from io.Reader
}

func (r whileReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(b)
}

// compare finds the traces that are here already: their spans would be there twice.
func (i *importer) compare(c *contents) error {
	for id := range c.traces {
		known, err := i.sink.KnowsTrace(i.ctx, id)
		if err != nil {
			return err
		}
		if i.known[id] = known; known {
			i.report.KnownTraces++
		}
	}
	i.report.Traces = len(c.traces) - i.report.KnownTraces
	if len(c.traces) > 0 && i.report.Traces == 0 {
		return fault.New(fault.Conflict, "all %d traces of the bundle are here already; nothing was imported", len(c.traces)).
			Fix("`banyan trace ID` shows them; a bundle is for an app that does not have them")
	}
	return nil
}

// check makes sure that the bundle can be kept.
func (i *importer) check(t *Totals, now time.Time) error {
	known, err := i.sink.KnowsBundle(i.ctx, i.report.Bundle)
	if err != nil {
		return err
	}
	if known {
		return fault.New(fault.Conflict, "the bundle %s is imported already: the filter %s finds it", i.report.Bundle, i.report.Filter).
			Fix("import it under another name if it is another one")
	}
	age, err := i.sink.Age(i.ctx)
	if err != nil || age == 0 || t.From == nil {
		return err
	}
	i.oldest = now.Add(-age).UnixNano()
	if t.To.UnixNano() < i.oldest {
		return fault.New(fault.Invalid, "all that the bundle holds is older than this app keeps telemetry: it ends at %s, and records become %.3g days old", t.To.Format(time.RFC3339), age.Hours()/24).
			Fix("let telemetry.retention.time of the app file be longer, and run `banyan up`")
	}
	until := t.From.Add(age)
	if t.From.UnixNano() < i.oldest { // what is that old is left out
		until = now
	}
	i.report.KeptUntil = &until
	return nil
}

// partly says that an import ended on the way.
func (i *importer) partly(t *Totals, err error) error {
	if i.report.Spans+i.report.Logs == 0 {
		return err
	}
	return fault.New(fault.CodeOf(err), "the bundle was imported in part, %d of %d spans and %d of %d log records, then: %w", i.report.Spans, t.Spans, i.report.Logs, t.Logs, err).
		Fix("the filter %s finds what is there; import it again under another name when that is put right: traces that are there are left out then", i.report.Filter)
}

func (i *importer) spans(spans []signal.Span) error {
	some := spans[:0]
	for n := range spans {
		s := &spans[n]
		switch {
		case i.known[s.Trace]:
			i.report.KnownSpans++
			continue
		case s.Start < i.oldest:
			i.report.TooOld++
			continue
		}
		s.Resource = i.mark(s.Resource)
		some = append(some, *s)
	}
	if len(some) == 0 {
		return nil
	}
	if err := i.sink.AppendSpans(some); err != nil {
		return err
	}
	i.report.Spans += len(some)
	return nil
}

func (i *importer) logs(logs []signal.Log) error {
	some := logs[:0]
	for n := range logs {
		l := &logs[n]
		switch {
		case i.known[l.Trace]:
			i.report.KnownLogs++
			continue
		case l.Time < i.oldest:
			i.report.TooOld++
			continue
		}
		l.Resource = i.mark(l.Resource)
		some = append(some, *l)
	}
	if len(some) == 0 {
		return nil
	}
	if err := i.sink.AppendLogs(some); err != nil {
		return err
	}
	i.report.Logs += len(some)
	return nil
}

// mark returns a resource with the bundle's name. Those of an entry are new, so that
// there is no use in remembering them for longer than one.
func (i *importer) mark(r *signal.Resource) *signal.Resource {
	if to := i.marked[r]; to != nil {
		return to
	}
	const most = 4096
	if len(i.marked) >= most || i.marked == nil {
		i.marked = map[*signal.Resource]*signal.Resource{}
	}
	to := *r
	to.Attrs = slices.DeleteFunc(slices.Clone(r.Attrs), func(a signal.Attr) bool { return a.Key == Attribute })
	to.Attrs = append(to.Attrs, signal.Attr{Key: Attribute, Value: signal.Text(i.report.Bundle)})
	i.marked[r] = &to
	return &to
}
