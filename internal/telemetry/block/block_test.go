package block

import (
	"bytes"
	"cmp"
	"errors"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Whatever the records are, a block returns them, and both a Builder and a Reader
// find what a look at each record finds.
func TestSpans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spans := rapid.SliceOfN(genSpan, 1, 60).Draw(t, "spans")
		b := NewBuilder(Spans)
		for i := range spans {
			b.AddSpan(&spans[i])
		}
		r := reopen(t, b)
		sorted := slices.Clone(spans)
		slices.SortStableFunc(sorted, func(x, y signal.Span) int {
			return cmp.Or(bytes.Compare(x.Trace[:], y.Trace[:]), cmp.Compare(x.Start, y.Start))
		})
		if got := allSpans(t, r, all(r)); !reflect.DeepEqual(got, sorted) {
			t.Fatalf("read\n%+v\nwrote\n%+v", got, sorted)
		}
		if got := allSpans(t, b, all(b)); !reflect.DeepEqual(got, spans) {
			t.Fatalf("in memory\n%+v\nadded\n%+v", got, spans)
		}
		q := genQuery.Draw(t, "query")
		for _, have := range []struct {
			records Records
			spans   []signal.Span
		}{{r, sorted}, {b, spans}} {
			var want []signal.Span
			for _, s := range have.spans {
				if s.Start >= q.from && (q.to == 0 || s.Start < q.to) && q.Span(&s) {
					want = append(want, s)
				}
			}
			checkSelect(t, have.records, NewQuery(Spans, q.from, q.to, q), want, allSpans)
			id := have.spans[0].Trace
			checkTrace(t, have.records, id, have.spans)
		}
	})
}

func TestLogs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logs := rapid.SliceOfN(genLog, 1, 60).Draw(t, "logs")
		b := NewBuilder(Logs)
		for i := range logs {
			b.AddLog(&logs[i])
		}
		r := reopen(t, b)
		sorted := slices.Clone(logs)
		slices.SortStableFunc(sorted, func(x, y signal.Log) int { return cmp.Compare(x.Time, y.Time) })
		if got := allLogs(t, r, all(r)); !reflect.DeepEqual(got, sorted) {
			t.Fatalf("read\n%+v\nwrote\n%+v", got, sorted)
		}
		if got := allLogs(t, b, all(b)); !reflect.DeepEqual(got, logs) {
			t.Fatalf("in memory\n%+v\nadded\n%+v", got, logs)
		}
		q := genQuery.Draw(t, "query")
		for _, have := range []struct {
			records Records
			logs    []signal.Log
		}{{r, sorted}, {b, logs}} {
			var want []signal.Log
			for _, l := range have.logs {
				if l.Time >= q.from && (q.to == 0 || l.Time < q.to) && q.Log(&l) {
					want = append(want, l)
				}
			}
			checkSelect(t, have.records, NewQuery(Logs, q.from, q.to, q), want, allLogs)
			checkLogsOf(t, have.records, logs[0].Trace, have.logs)
		}
	})
}

func checkSelect[T any](t *rapid.T, records Records, q *Query, want []T, read func(*rapid.T, Records, []uint32) []T) {
	rows, err := records.Select(q)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, records, rows); !reflect.DeepEqual(got, want) {
		t.Fatalf("%T found\n%+v\nnot\n%+v", records, got, want)
	}
	if may, err := records.May(q); err != nil || !may && len(want) > 0 {
		t.Fatalf("%T may not: %v, though there are %d", records, err, len(want))
	}
}

func checkTrace(t *rapid.T, records Records, id signal.TraceID, spans []signal.Span) {
	var want []signal.Span
	sum := &Summary{Trace: id, Start: spans[0].Start}
	for i, s := range spans {
		if s.Trace != id {
			continue
		}
		want = append(want, s)
		part := &Summary{
			RootService: s.Resource.Service, RootName: s.Name, RootStart: s.Start, Rooted: s.Parent.IsZero(), Start: s.Start, End: s.End,
		}
		part.count(s.Resource.Service, s.Status == signal.StatusError)
		if i == 0 {
			part.Trace, sum = id, part
		} else {
			sum.Merge(part)
		}
	}
	if may, err := records.MayTrace(id); !may || err != nil {
		t.Fatal("its own trace may not be there", err)
	}
	rows, err := records.OfTrace(id)
	if err != nil {
		t.Fatal(err)
	}
	if got := allSpans(t, records, rows); !reflect.DeepEqual(got, want) {
		t.Fatalf("%T: the trace has\n%+v\nnot\n%+v", records, got, want)
	}
	parts, err := records.Traces(rows)
	if err != nil || len(parts) != 1 || parts[0] != (Part{id, sum.Start, sum.End, len(want)}) {
		t.Fatalf("%T: %+v, %v", records, parts, err)
	}
	got, err := records.Summary(id)
	if err != nil {
		t.Fatal(err)
	}
	got.root = 0
	byName := func(x, y Service) int { return cmp.Compare(x.Name, y.Name) }
	slices.SortFunc(got.Services, byName)
	slices.SortFunc(sum.Services, byName)
	if !reflect.DeepEqual(got, sum) {
		t.Fatalf("%T: summary\n%+v\nnot\n%+v", records, got, sum)
	}
}

func checkLogsOf(t *rapid.T, records Records, id signal.TraceID, logs []signal.Log) {
	if id.IsZero() {
		return
	}
	var want []signal.Log
	for _, l := range logs {
		if l.Trace == id {
			want = append(want, l)
		}
	}
	rows, err := records.OfTrace(id)
	if err != nil {
		t.Fatal(err)
	}
	if may, err := records.MayTrace(id); !may || err != nil {
		t.Fatal("its own trace may not be there", err)
	}
	if got := allLogs(t, records, rows); !reflect.DeepEqual(got, want) {
		t.Fatalf("%T: logs of the trace\n%+v\nnot\n%+v", records, got, want)
	}
}

// A block of which any bit is another is noticed, or reads as it was.
func TestBitFlips(t *testing.T) {
	b := NewBuilder(Spans)
	for i := range 40 {
		s := genSpan.Example(i)
		b.AddSpan(&s)
	}
	data, err := b.Encode()
	if err != nil {
		t.Fatal(err)
	}
	want := readAll(t, data)
	noticed := 0
	for at := range data {
		flipped := bytes.Clone(data)
		flipped[at] ^= 1 << (at % 8)
		got, err := tryAll(flipped)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("byte %d: %v", at, err)
			}
			noticed++
			continue
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("byte %d: what is read is not what was written", at)
		}
	}
	if noticed < len(data)*3/4 {
		t.Errorf("of %d flips only %d were noticed", len(data), noticed)
	}
	for n := range data {
		if _, err := Open(bytes.NewReader(data[:n]), int64(n)); err == nil {
			t.Fatalf("the first %d bytes are taken for a block", n)
		}
	}
}

func readAll(t *testing.T, data []byte) []signal.Span {
	t.Helper()
	spans, err := tryAll(data)
	if err != nil {
		t.Fatal(err)
	}
	return spans
}

func tryAll(data []byte) (spans []signal.Span, err error) {
	r, err := open(data)
	if err != nil {
		return nil, err
	}
	err = r.Spans(all(r), Want{}, func(_ uint32, s *signal.Span) bool {
		spans = append(spans, *s)
		return true
	})
	return spans, err
}

func open(data []byte) (*Reader, error) {
	file := bytes.NewReader(data)
	b, err := Open(file, file.Size())
	if err != nil {
		return nil, err
	}
	return b.Read(file), nil
}

func reopen(t *rapid.T, b *Builder) *Reader {
	data, err := b.Encode()
	if err != nil {
		t.Fatal(err)
	}
	r, err := open(data)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.Meta(), b.Meta(); !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v is read as %+v", want, got)
	}
	return r
}

func all(r Records) []uint32 {
	rows := make([]uint32, r.Meta().Rows)
	for i := range rows {
		rows[i] = uint32(i)
	}
	return rows
}

func allSpans(t *rapid.T, r Records, rows []uint32) (spans []signal.Span) {
	if err := r.Spans(rows, Want{}, func(_ uint32, s *signal.Span) bool {
		spans = append(spans, *s)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return spans
}

func allLogs(t *rapid.T, r Records, rows []uint32) (logs []signal.Log) {
	if err := r.Logs(rows, Want{}, func(_ uint32, l *signal.Log) bool {
		logs = append(logs, *l)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return logs
}

// query is a conjunction, which is tried both as an exact plan and as one that is not.
type query struct {
	from, to int64
	plan     match.Plan
}

func (q query) Plan() match.Plan { return q.plan }

func (q query) Span(s *signal.Span) bool {
	return q.holds(func(field string) (signal.Value, bool) { return match.SpanField(s, field) }, func(string) bool { return true },
		s.Duration(), -1)
}

func (q query) Log(l *signal.Log) bool {
	return q.holds(func(field string) (signal.Value, bool) { return match.LogField(l, field) }, func(word string) bool {
		found := false
		match.Words(l.Text, func(w string) bool {
			found = found || w == word
			return true
		})
		return found
	}, -1, int64(l.Severity))
}

func (q query) holds(field func(string) (signal.Value, bool), word func(string) bool, duration, severity int64) bool {
	for _, n := range q.plan.Needs {
		switch n.Condition {
		case match.Equal:
			if v, ok := field(n.Field); !ok || v.String() != n.Text {
				return false
			}
		case match.Word:
			if !word(n.Text) {
				return false
			}
		case match.AtLeast:
			if n.Field == match.FieldDuration && duration < n.Number ||
				n.Field == match.FieldSeverity && (severity < n.Number || severity <= 0) {
				return false
			}
		}
	}
	return true
}
