package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/banyanrun/banyan/internal/telemetry/block"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

const (
	tracesDefault = 50
	tracesMost    = 1000
)

// Trace returns a trace's spans, the earliest first; cut: there are more than Most.
func (s *Store) Trace(ctx context.Context, id signal.TraceID) (spans []signal.Span, cut bool, err error) {
	v := s.spans.view()
	defer v.close()
	for _, src := range v.sources {
		if err := v.ofTrace(ctx, src, id, func(r block.Records, rows []uint32) error {
			return r.Spans(rows, block.Want{}, func(_ uint32, span *signal.Span) bool {
				cut = len(spans) == Most
				if !cut {
					spans = append(spans, *span)
				}
				return !cut
			})
		}); err != nil {
			return nil, false, err
		}
		if cut {
			break
		}
	}
	slices.SortStableFunc(spans, func(a, b signal.Span) int { return cmp.Compare(a.Start, b.Start) })
	return spans, cut, nil
}

// LogsOf returns a trace's log records, the earliest first; cut: there are more than Most.
func (s *Store) LogsOf(ctx context.Context, id signal.TraceID) (logs []signal.Log, cut bool, err error) {
	v := s.logs.view()
	defer v.close()
	for _, src := range v.sources {
		if err := v.ofTrace(ctx, src, id, func(r block.Records, rows []uint32) error {
			return r.Logs(rows, block.Want{}, func(_ uint32, l *signal.Log) bool {
				cut = len(logs) == Most
				if !cut {
					logs = append(logs, *l)
				}
				return !cut
			})
		}); err != nil {
			return nil, false, err
		}
		if cut {
			break
		}
	}
	slices.SortStableFunc(logs, func(a, b signal.Log) int { return cmp.Compare(a.Time, b.Time) })
	return logs, cut, nil
}

func (v *view) ofTrace(ctx context.Context, src source, id signal.TraceID, do func(block.Records, []uint32) error) error {
	return v.read(ctx, src, func(r block.Records) error {
		if may, err := r.MayTrace(id); !may || err != nil {
			return err
		}
		rows, err := r.OfTrace(id)
		if err != nil || len(rows) == 0 {
			return err
		}
		return do(r, rows)
	})
}

// SearchTraces returns summaries of traces. Of a trace whose spans are far apart in
// time, a summary may miss some.
func (s *Store) SearchTraces(ctx context.Context, q TraceQuery) (*TraceResult, error) {
	v := s.spans.view()
	defer v.close()
	f := finder{limit: min(cmp.Or(max(q.Limit, 0), tracesDefault), tracesMost), slowest: q.SlowestFirst, found: map[signal.TraceID]*block.Part{}}
	bq := block.NewQuery(block.Spans, q.From, q.To, q.Match)
	for _, src := range v.newestFirst() {
		if src.meta.Rows == 0 || src.meta.MaxTime < q.From || q.To != 0 && src.meta.MinTime >= q.To {
			continue
		}
		if f.enough(src.meta.MaxTime) {
			f.more = true
			break
		}
		if err := v.find(ctx, src, bq, func(r block.Records, rows []uint32) error {
			parts, err := r.Traces(rows)
			f.add(parts)
			return err
		}); err != nil {
			return nil, err
		}
	}
	chosen := f.best()
	if len(chosen) > f.limit {
		chosen, f.more = chosen[:f.limit], true
	}
	traces, err := v.summaries(ctx, chosen)
	if err != nil {
		return nil, err
	}
	f.order(traces)
	return &TraceResult{Traces: traces, More: f.more, Scan: v.scan}, nil
}

// finder keeps the traces that come first.
type finder struct {
	limit   int
	slowest bool
	found   map[signal.TraceID]*block.Part
	more    bool
}

func (f *finder) add(parts []block.Part) {
	for i := range parts {
		p := &parts[i]
		have := f.found[p.Trace]
		if have == nil {
			kept := *p
			f.found[p.Trace] = &kept
			continue
		}
		have.Start, have.End = min(have.Start, p.Start), max(have.End, p.End)
		have.Matched += p.Matched
	}
	if len(f.found) <= 4*f.limit {
		return
	}
	// Of those that come so late that they are not returned, nothing is kept.
	for _, p := range f.best()[2*f.limit:] {
		delete(f.found, p.Trace)
	}
	f.more = true
}

// best returns what was found, what comes first first.
func (f *finder) best() []*block.Part {
	all := make([]*block.Part, 0, len(f.found))
	for _, p := range f.found {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *block.Part) int {
		return f.compare(a.Start, a.End, a.Trace, b.Start, b.End, b.Trace)
	})
	return all
}

func (f *finder) compare(start1, end1 int64, id1 signal.TraceID, start2, end2 int64, id2 signal.TraceID) int {
	if f.slowest {
		return cmp.Or(cmp.Compare(end2-start2, end1-start1), cmp.Compare(start2, start1), slices.Compare(id1[:], id2[:]))
	}
	return cmp.Or(cmp.Compare(start2, start1), slices.Compare(id1[:], id2[:]))
}

func (f *finder) order(traces []TraceSummary) {
	slices.SortFunc(traces, func(a, b TraceSummary) int { return f.compare(a.Start, a.End, a.Trace, b.Start, b.End, b.Trace) })
}

// enough reports whether nothing that starts by a time can come before the limit.
func (f *finder) enough(latest int64) bool {
	if f.slowest || len(f.found) < f.limit {
		return false
	}
	return f.best()[f.limit-1].Start > latest
}

// apart is how far from a trace's known spans others of it are looked for.
const apart = int64(60e9)

// summaries returns those of traces, from all sources that have spans of them.
func (v *view) summaries(ctx context.Context, parts []*block.Part) ([]TraceSummary, error) {
	found := make([]*block.Summary, len(parts))
	for _, src := range v.sources {
		near := func(p *block.Part) bool {
			return src.meta.Rows > 0 && src.meta.MinTime-apart <= p.End && src.meta.MaxEnd >= p.Start-apart
		}
		if !slices.ContainsFunc(parts, near) {
			continue
		}
		err := v.read(ctx, src, func(r block.Records) error {
			for i, p := range parts {
				if !near(p) {
					continue
				}
				if may, err := r.MayTrace(p.Trace); err != nil {
					return err
				} else if !may {
					continue
				}
				sum, err := r.Summary(p.Trace)
				switch {
				case err != nil:
					return err
				case sum == nil:
				case found[i] == nil:
					found[i] = sum
				default:
					found[i].Merge(sum)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	traces := make([]TraceSummary, 0, len(parts))
	for i, sum := range found {
		if sum != nil {
			traces = append(traces, summaryOf(sum, parts[i].Matched))
		}
	}
	return traces, nil
}

func summaryOf(s *block.Summary, matched int) TraceSummary {
	t := TraceSummary{
		Trace: s.Trace, RootService: s.RootService, RootName: s.RootName, Start: s.Start, End: s.End,
		Spans: s.Spans, Errors: s.Errors, Matched: matched, Services: make([]ServiceCount, len(s.Services)),
	}
	for i, sv := range s.Services {
		t.Services[i] = ServiceCount{Service: sv.Name, Spans: sv.Spans, Errors: sv.Errors}
	}
	slices.SortFunc(t.Services, func(a, b ServiceCount) int {
		return cmp.Or(cmp.Compare(b.Spans, a.Spans), cmp.Compare(a.Service, b.Service))
	})
	return t
}
