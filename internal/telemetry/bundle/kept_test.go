package bundle

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/block/blocktest"
	"github.com/banyanrun/banyan/internal/telemetry/filter"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// kept is an app's telemetry, in memory.
type kept struct {
	spans  []signal.Span
	logs   []signal.Log
	age    time.Duration
	broken error // of appending

	traces  map[signal.TraceID][]signal.Span
	indexed int // spans
}

// of returns a trace's spans.
func (k *kept) of(id signal.TraceID) []signal.Span {
	if k.traces == nil {
		k.traces = map[signal.TraceID][]signal.Span{}
	}
	for ; k.indexed < len(k.spans); k.indexed++ {
		s := k.spans[k.indexed]
		k.traces[s.Trace] = append(k.traces[s.Trace], s)
	}
	return k.traces[id]
}

func (k *kept) FindTraces(_ context.Context, text string, from, to int64, limit int) (ids []signal.TraceID, more bool, err error) {
	f, err := filter.Parse(text, filter.Spans)
	if err != nil {
		return nil, false, err
	}
	seen := map[signal.TraceID]bool{}
	for i := range k.spans {
		if s := &k.spans[i]; s.Start >= from && s.Start < to && f.Span(s) && !seen[s.Trace] {
			if len(ids) == limit {
				return ids, true, nil
			}
			seen[s.Trace] = true
			ids = append(ids, s.Trace)
		}
	}
	return ids, false, nil
}

func (k *kept) FindLogs(_ context.Context, text string, from, to int64, cursor string) (logs []signal.Log, next string, err error) {
	f, err := filter.Parse(text, filter.Logs)
	if err != nil {
		return nil, "", err
	}
	at := 0
	if cursor != "" {
		_, err = fmt.Sscan(cursor, &at)
	}
	for i := at; i < len(k.logs) && err == nil; i++ {
		if l := &k.logs[i]; l.Time >= from && l.Time < to && f.Log(l) {
			if len(logs) == 100 {
				return logs, strconv.Itoa(i), nil
			}
			logs = append(logs, *l)
		}
	}
	return logs, "", err
}

func (k *kept) TraceOf(_ context.Context, id signal.TraceID) (spans []signal.Span, logs []signal.Log, cut bool, err error) {
	for _, l := range k.logs {
		if l.Trace == id {
			logs = append(logs, l)
		}
	}
	return k.of(id), logs, false, nil
}

func (k *kept) KnowsTrace(_ context.Context, id signal.TraceID) (bool, error) {
	return len(k.of(id)) > 0, nil
}

func (k *kept) KnowsBundle(_ context.Context, name string) (bool, error) {
	for i := range k.spans {
		if k.spans[i].Resource.Attrs.Text(Attribute) == name {
			return true, nil
		}
	}
	return false, nil
}

func (k *kept) AppendSpans(spans []signal.Span) error {
	if k.broken != nil {
		return k.broken
	}
	k.spans = append(k.spans, spans...)
	return nil
}

func (k *kept) AppendLogs(logs []signal.Log) error {
	k.logs = append(k.logs, logs...)
	return nil
}

func (k *kept) Age(context.Context) (time.Duration, error) { return k.age, nil }

// shop is what a shop did in the hour before now.
func shop(spans, logs int) *kept {
	source := blocktest.New(1, now.Add(-time.Hour).UnixNano())
	k := &kept{spans: source.Spans(spans), logs: source.Logs(logs), age: 15 * 24 * time.Hour}
	for i := range k.logs {
		if i%3 == 0 {
			k.logs[i].Trace, k.logs[i].Span = k.spans[i%len(k.spans)].Trace, k.spans[i%len(k.spans)].ID
		} else {
			k.logs[i].Trace, k.logs[i].Span = signal.TraceID{}, signal.SpanID{}
		}
	}
	return k
}
