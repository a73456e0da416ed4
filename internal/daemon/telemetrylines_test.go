package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/logs"
	"github.com/banyanrun/banyan/internal/telemetry/output"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
	"github.com/banyanrun/banyan/internal/telemetry/store"
)

// testKeeper is a keeper, what it has kept, and what it finds as kept before.
type testKeeper struct {
	*lineKeeper
	kept    []signal.Log
	found   []signal.Log
	endless bool // the search finds the same again and again
	queries []store.LogQuery
	fail    func(call int) error
	calls   int
	some    int // of the records are kept by a call that fails
}

func newTestKeeper(t *testing.T) *testKeeper {
	t.Helper()
	k := &testKeeper{fail: func(int) error { return nil }}
	k.lineKeeper = &lineKeeper{
		log: slog.New(slog.DiscardHandler), file: filepath.Join(t.TempDir(), "lines.json"),
		noted: map[string]linePlace{}, services: map[string]*serviceLines{}, resources: map[string]*signal.Resource{},
		append: func(l []signal.Log) (int, error) {
			k.calls++
			if err := k.fail(k.calls); err != nil {
				n := min(k.some, len(l))
				k.kept = append(k.kept, l[:n]...)
				return n, err
			}
			k.kept = append(k.kept, l...)
			return len(l), nil
		},
		search: func(_ context.Context, q store.LogQuery) (*store.LogResult, error) {
			k.queries = append(k.queries, q)
			r := &store.LogResult{}
			for i := range k.found {
				if q.Match.Log(&k.found[i]) && k.found[i].Time >= q.From {
					r.Logs = append(r.Logs, k.found[i])
				}
			}
			if k.endless {
				r.Next = "1.1"
			}
			return r, nil
		},
	}
	for _, service := range []string{"a", "b"} {
		k.resources[service+"\x00"+service+"-1"] = &signal.Resource{Service: service, Instance: service + "-1"}
	}
	return k
}

var linesFrom = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// linesOf is a batch of records of their own: each is JSON.
func linesOf(service string, n int, end int64) *logs.Batch {
	b := &logs.Batch{Service: service, End: logs.Place{Segment: 1, Offset: end}}
	for i := range n {
		b.Records = append(b.Records, logs.Record{
			Time: linesFrom.Add(time.Duration(i)), Service: service, Instance: service + "-1", Stream: logs.Stdout,
			Line: fmt.Sprintf(`{"msg":"%d"}`, i),
		})
	}
	return b
}

func recordOf(service, text string, at time.Time) signal.Log {
	return signal.Log{
		Time: at.UnixNano(), Text: text, Resource: &signal.Resource{Service: service, Instance: service + "-1"},
		Scope: signal.Scope{Name: signal.ScopeOutput},
	}
}

// TestLinesOfBefore: each service is asked for from its own place, within bounds, and
// nothing of it stays once it has caught up.
func TestLinesOfBefore(t *testing.T) {
	k := newTestKeeper(t)
	k.noted = map[string]linePlace{"a": {Time: linesFrom}, "old": {Time: linesFrom.AddDate(0, 0, -10)}}
	k.found = []signal.Log{recordOf("a", "0", linesFrom), recordOf("b", "1", linesFrom), recordOf("a", "never", linesFrom)}
	b := linesOf("a", 3, 10)
	b.Caught = true
	k.take(t.Context(), b)
	if len(k.kept) != 2 || len(k.queries) != 1 || k.queries[0].From != linesFrom.Add(-output.Skew).UnixNano() {
		t.Errorf("kept %+v, asked %+v", k.kept, k.queries)
	}
	if k.services["a"].again != nil {
		t.Error("what was kept before is remembered on")
	}
	k.endless = true
	k.found = make([]signal.Log, againPage)
	for i := range k.found {
		k.found[i] = recordOf("b", "x", linesFrom)
	}
	k.take(t.Context(), linesOf("b", 1, 10))
	if n := (len(k.queries) - 1) * againPage; n > againMost {
		t.Errorf("%d records were read", n)
	}
}

// TestLinesSlack: a record whose own time is long before its line is found again.
func TestLinesSlack(t *testing.T) {
	k := newTestKeeper(t)
	at := linesFrom.Add(time.Minute - output.Skew)
	k.noted["a"] = linePlace{Time: linesFrom}
	k.found = []signal.Log{recordOf("a", "x", at)}
	b := linesOf("a", 1, 10)
	b.Records[0].Line = fmt.Sprintf(`{"msg":"x","time":%q}`, at.Format(time.RFC3339Nano))
	k.take(t.Context(), b)
	if len(k.kept) != 0 {
		t.Errorf("%+v", k.kept)
	}
}

// TestLinesForgotten: there is no place of a service that is gone.
func TestLinesForgotten(t *testing.T) {
	k := newTestKeeper(t)
	k.noted = map[string]linePlace{"a": {Time: linesFrom}, "gone": {Time: linesFrom}}
	k.changed = true
	k.save()
	k.open(func(s string) bool { return s == "a" })
	if len(k.noted) != 1 || !k.changed {
		t.Errorf("%+v", k.noted)
	}
}

// TestLinesEnd: where lines could not be kept, no place behind them is noted.
func TestLinesEnd(t *testing.T) {
	k := newTestKeeper(t)
	k.fail = func(call int) error {
		if call <= 2 {
			return errors.New("full")
		}
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k.take(ctx, linesOf("a", 2, 10))
	k.services["b"] = &serviceLines{joiner: output.New(), end: linePlace{Place: logs.Place{Segment: 1, Offset: 5}}}
	k.end()
	if len(k.noted) != 0 || len(k.kept) != 0 {
		t.Errorf("noted %+v", k.noted)
	}
	k.end()
	if len(k.noted) != 2 || len(k.kept) != 2 {
		t.Errorf("noted %+v, kept %d", k.noted, len(k.kept))
	}
}

// TestLinesSaved: what is noted stays to be saved until it is, and a bad file is as none.
func TestLinesSaved(t *testing.T) {
	all := func(string) bool { return true }
	for _, content := range []string{"", "null", `{"a":{"segment":1`, "[]"} {
		k := newTestKeeper(t)
		if err := os.WriteFile(k.file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		k.open(all)
		k.found = []signal.Log{recordOf("a", "0", linesFrom)}
		k.take(t.Context(), linesOf("a", 2, 10)) // from the oldest line on
		if len(k.kept) != 1 || k.noted["a"].Offset != 10 {
			t.Errorf("%q: kept %+v, noted %+v", content, k.kept, k.noted)
		}
	}
	k := newTestKeeper(t)
	k.noted["a"], k.changed = linePlace{Time: linesFrom}, true
	good := k.file
	k.file = filepath.Join(filepath.Dir(good), "none", "lines.json")
	if k.save(); !k.changed {
		t.Error("it counts as saved")
	}
	k.file = good
	if k.save(); k.changed {
		t.Error("it was not saved")
	}
	k.noted = nil
	if k.open(all); !k.noted["a"].Time.Equal(linesFrom) {
		t.Errorf("%+v", k.noted)
	}
}

// TestLinesInParts: what was kept before a failure is not kept again after it.
func TestLinesInParts(t *testing.T) {
	k := newTestKeeper(t)
	k.fail = func(call int) error {
		if call == 2 {
			return errors.New("full")
		}
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k.take(ctx, linesOf("a", 1000, 10))
	if len(k.kept) != linesAtOnce {
		t.Errorf("%d were kept", len(k.kept))
	}
	k.end()
	if len(k.kept) != 1000 || k.kept[999].Text != "999" {
		t.Errorf("%d were kept", len(k.kept))
	}
	k = newTestKeeper(t)
	k.some, k.fail = 7, func(call int) error {
		if call == 1 {
			return errors.New("full")
		}
		return nil
	}
	k.take(ctx, linesOf("a", 100, 10))
	if k.end(); len(k.kept) != 100 || k.kept[7].Text != "7" {
		t.Errorf("%d were kept", len(k.kept))
	}
}
