package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/block/blocktest"
	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
	"github.com/banyanrun/banyan/internal/telemetry/store"
)

// filter is a conjunction that a store decides by itself.
type filter []match.Need

func (f filter) Plan() match.Plan { return match.Plan{Needs: f, Exact: true} }
func (f filter) Span(s *signal.Span) bool {
	return f.holds(func(n string) (signal.Value, bool) { return match.SpanField(s, n) })
}
func (f filter) Log(l *signal.Log) bool {
	return f.holds(func(n string) (signal.Value, bool) { return match.LogField(l, n) })
}
func equal(field, text string) match.Need { return match.Need{Field: field, Text: text} }

func (f filter) holds(field func(string) (signal.Value, bool)) bool {
	for _, n := range f {
		v, ok := field(n.Field)
		if n.Condition == match.Word {
			found := false
			match.Words(v.Text, func(w string) bool {
				found = w == n.Text
				return !found
			})
			if !found {
				return false
			}
		} else if n.Condition == match.Equal && (!ok || v.String() != n.Text) {
			return false
		}
	}
	return true
}

func open(dir string) (*store.Store, error) {
	return store.Open(store.Options{Dir: dir, Limit: 256 << 30, SpanShare: 50, HeadBytes: 16 << 20})
}

func measureSpans(ctx context.Context, o *options, dir string) (*figures, error) {
	s, err := open(filepath.Join(dir, "ours"))
	if err != nil {
		return nil, err
	}
	defer s.Close()
	p := newPool(time.Now(), o.spans)
	f := &figures{name: "banyan", what: "spans", records: o.spans}
	cores := runtime.GOMAXPROCS(1)
	m := begin()
	for done := 0; done < o.spans && ctx.Err() == nil; {
		spans := p.next(min(batch, o.spans-done))
		if done <= o.spans/2 && done+len(spans) > o.spans/2 {
			spans = mark(spans)
		}
		if err := s.AppendSpans(spans); err != nil {
			return nil, err
		}
		done += len(spans)
	}
	m.end(f)
	runtime.GOMAXPROCS(cores)
	// What is in memory still is made blocks, so that bytes are those of blocks.
	f.bytes, err = blockBytes(filepath.Join(dir, "ours", "spans"), s.Status()[0])
	if err != nil {
		return nil, err
	}
	f.print(os.Stdout)
	err = f.searches(ctx, o.searches, spanSearches(s, p))
	return f, err
}

// blockBytes returns what the blocks take up, for each record in them, times all records.
func blockBytes(dir string, st store.Status) (int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	bytes, logs := int64(0), 0
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // it became a block, or went
		}
		if filepath.Ext(e.Name()) == ".wal" {
			logs++
			continue
		}
		bytes += info.Size()
	}
	inBlocks := st.Records - int64(logs)*(32<<10)/2 // half of what a head holds, on average
	return int64(float64(bytes) / float64(inBlocks) * float64(st.Records)), nil
}

func spanSearches(s *store.Store, p *pool) []search {
	traces := func(q store.TraceQuery, least int) func(context.Context, int) error {
		return func(ctx context.Context, _ int) error {
			r, err := s.SearchTraces(ctx, q)
			if err == nil && len(r.Traces) < least {
				err = fmt.Errorf("%d traces were found, not %d", len(r.Traces), least)
			}
			return err
		}
	}
	return []search{
		{"trace", "a trace by its id", func(ctx context.Context, i int) error {
			spans, _, err := s.Trace(ctx, p.ids[i*7919%len(p.ids)])
			if err == nil && len(spans) == 0 {
				err = errors.New("the trace was not found")
			}
			return err
		}},
		{"attribute", "an attribute that one span has", traces(store.TraceQuery{Match: filter{equal(rareKey, rareValue)}}, 1)},
		{"nobody", "an attribute that no span has", traces(store.TraceQuery{Match: filter{equal("enduser.id", "nobody")}}, 0)},
		{"common", "an attribute in every block, all spans, slowest first",
			traces(store.TraceQuery{Match: filter{equal("enduser.id", "user-777")}, SlowestFirst: true}, 1)},
		{"latest", "the latest 50 errors of a service", traces(store.TraceQuery{Match: filter{equal("service", "payment"), equal("status", "error")}}, 50)},
		{"home", "the latest 50 traces", traces(store.TraceQuery{}, 50)},
	}
}

func measureLogs(ctx context.Context, o *options, dir string) error {
	s, err := open(filepath.Join(dir, "ours"))
	if err != nil {
		return err
	}
	defer s.Close()
	source := blocktest.New(2, time.Now().Add(-time.Hour).UnixNano())
	logs := source.Logs(poolSize)
	first, last := logs[0].Time, logs[len(logs)-1].Time
	f := &figures{name: "banyan", what: "logs", records: o.logs}
	cores := runtime.GOMAXPROCS(1)
	m := begin()
	for done, at := 0, 0; done < o.logs && ctx.Err() == nil; {
		if at == len(logs) {
			at = 0
			for i := range logs {
				logs[i].Time += last - first + 1
				if !logs[i].Trace.IsZero() {
					turn(logs[i].Trace[:8], uint64(done))
				}
			}
		}
		n := min(batch, o.logs-done, len(logs)-at)
		if err := s.AppendLogs(logs[at : at+n]); err != nil {
			return err
		}
		at += n
		done += n
	}
	m.end(f)
	runtime.GOMAXPROCS(cores)
	if f.bytes, err = blockBytes(filepath.Join(dir, "ours", "logs"), s.Status()[1]); err != nil {
		return err
	}
	f.print(os.Stdout)
	find := func(q store.LogQuery) func(context.Context, int) error {
		return func(ctx context.Context, _ int) error {
			_, err := s.SearchLogs(ctx, q)
			return err
		}
	}
	word := func(w string) match.Need { return match.Need{Condition: match.Word, Field: match.FieldText, Text: w} }
	return f.searches(ctx, o.searches, []search{
		{"tail", "the latest 200", find(store.LogQuery{})},
		{"word", "the latest 200 with a word that one in 200 has", find(store.LogQuery{Match: filter{word("refused")}})},
		{"nobody", "a word that none has, among all", find(store.LogQuery{Match: filter{word("segfault")}})},
		{"trace", "the records of a trace", func(ctx context.Context, i int) error {
			_, _, err := s.LogsOf(ctx, logs[i*31%len(logs)].Trace)
			return err
		}},
	})
}
