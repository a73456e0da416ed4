package bundle

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Source is where records come from. Times are nanoseconds since 1970, from
// included, to not. Its errors are fault.Errors.
type Source interface {
	// FindTraces returns traces of which a span that the filter takes starts in a time;
	// more: there are others.
	FindTraces(ctx context.Context, filter string, from, to int64, limit int) (ids []signal.TraceID, more bool, err error)
	// FindLogs returns log records that the filter takes, the oldest first, and the
	// cursor that goes on; empty: there are no more.
	FindLogs(ctx context.Context, filter string, from, to int64, cursor string) (logs []signal.Log, next string, err error)
	// TraceOf returns what is kept of a trace, which may be nothing; cut: there is more.
	TraceOf(ctx context.Context, id signal.TraceID) (spans []signal.Span, logs []signal.Log, cut bool, err error)
}

// query is what a bundle is to hold: traces, or what a filter takes in a time.
type query struct {
	traces   []signal.TraceID
	filter   string
	from, to time.Time
}

// errNothing is in the chain of the error for a bundle that would be empty.
var errNothing = errors.New("nothing")

// export writes a bundle and returns what is in it. Where there is nothing, nothing
// is written.
func export(ctx context.Context, to io.Writer, from Source, q query, m *Manifest) (*Totals, error) {
	e := &exporter{ctx: ctx, source: from, query: q, w: newWriter(to, m)}
	err := e.run()
	if errors.Is(err, errFull) {
		e.w.left("what did not fit in: a bundle has at most %d MiB, packed %d MiB, and %d traces", MostUnpacked>>20, MostPacked>>20, mostTraces)
		err = nil
	}
	switch {
	case err != nil:
		return nil, err
	case e.w.tally.Spans+e.w.tally.Logs == 0:
		err := fault.New(fault.NotFound, "there is nothing to export: no trace and no log record is kept that was asked for").
			Fix("take a longer time or another filter; `banyan traces` and `banyan logs --filter` show what there is")
		err.Err = errNothing
		return nil, err
	}
	if err := e.w.close(); err != nil {
		return nil, err
	}
	return &e.w.tally.Totals, nil
}

type exporter struct {
	query

	ctx    context.Context //nolint:containedctx // of one call
	source Source
	w      *writer
}

func (e *exporter) run() error {
	if len(e.traces) > 0 {
		for _, id := range e.traces {
			if err := e.trace(id); err != nil {
				return err
			}
		}
		return nil
	}
	if err := e.find(e.from.UnixNano(), e.to.UnixNano()); err != nil {
		return err
	}
	return e.others()
}

const (
	findMost = 1000
	// shortest is the time in which more traces than findMost are not told apart.
	shortest = int64(time.Millisecond)
)

// find adds the traces of a time: of its halves, where it has too many to be found at once.
func (e *exporter) find(from, to int64) error {
	ids, more, err := e.source.FindTraces(e.ctx, e.filter, from, to, findMost)
	if err != nil {
		return err
	}
	if more && to-from > shortest {
		half := from + (to-from)/2
		if err := e.find(from, half); err != nil {
			return err
		}
		return e.find(half, to)
	}
	if more {
		e.w.left("traces of a millisecond that has more than %d of them", findMost)
	}
	for _, id := range ids {
		if _, ok := e.w.tally.traces[id]; ok {
			continue
		}
		if err := e.trace(id); err != nil {
			return err
		}
	}
	return nil
}

// trace adds a trace and its log records.
func (e *exporter) trace(id signal.TraceID) error {
	spans, logs, cut, err := e.source.TraceOf(e.ctx, id)
	if err != nil {
		return err
	}
	if cut {
		e.w.left("spans or log records of traces that have very many of them")
	}
	if len(spans) == 0 && len(logs) == 0 {
		return nil // its block went since it was found
	}
	if err := e.w.addSpans(spans); err != nil {
		return err
	}
	return e.w.addLogs(logs)
}

// others adds the log records that the filter takes and that are of none of the traces.
func (e *exporter) others() error {
	for cursor := ""; ; {
		logs, next, err := e.source.FindLogs(e.ctx, e.filter, e.from.UnixNano(), e.to.UnixNano(), cursor)
		if err != nil {
			return err
		}
		some := make([]signal.Log, 0, len(logs))
		for i := range logs {
			if _, ok := e.w.tally.traces[logs[i].Trace]; !ok {
				some = append(some, logs[i])
			}
		}
		if err := e.w.addLogs(some); err != nil {
			return err
		}
		if cursor = next; cursor == "" {
			return nil
		}
	}
}
