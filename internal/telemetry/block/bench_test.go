package block

import (
	"bytes"
	"testing"

	"github.com/banyanrun/banyan/internal/telemetry/block/blocktest"
	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

const benchRows = 32_768

func built(kind Kind) *Builder {
	b, s := NewBuilder(kind), blocktest.New(1, 1_760_000_000_000_000_000)
	if kind == Logs {
		for _, l := range s.Logs(benchRows) {
			b.AddLog(&l)
		}
		return b
	}
	for _, span := range s.Spans(benchRows) {
		b.AddSpan(&span)
	}
	return b
}

func BenchmarkAddSpan(b *testing.B) {
	spans := blocktest.New(1, 0).Spans(benchRows)
	for b.Loop() {
		builder := NewBuilder(Spans)
		for i := range spans {
			builder.AddSpan(&spans[i])
		}
		b.ReportMetric(float64(builder.Bytes())/float64(len(spans)), "memB/span")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(spans)), "ns/span")
}

func benchEncode(b *testing.B, kind Kind) {
	b.Helper()
	builder := built(kind)
	size := 0
	for b.Loop() {
		data, err := builder.Encode()
		if err != nil {
			b.Fatal(err)
		}
		size = len(data)
	}
	n := float64(builder.Len())
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
	b.ReportMetric(float64(size)/n, "B/row")
}

func BenchmarkEncodeSpans(b *testing.B) { benchEncode(b, Spans) }
func BenchmarkEncodeLogs(b *testing.B)  { benchEncode(b, Logs) }

func BenchmarkRows(b *testing.B) {
	spans := blocktest.New(1, 0).Spans(512)
	var e RowEncoder
	var buf []byte
	for b.Loop() {
		buf = e.Spans(buf[:0], spans)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(spans)), "ns/span")
	b.ReportMetric(float64(len(buf))/float64(len(spans)), "B/span")
}

func openBench(b *testing.B, kind Kind) (*Block, *bytes.Reader) {
	b.Helper()
	data, err := built(kind).Encode()
	if err != nil {
		b.Fatal(err)
	}
	file := bytes.NewReader(data)
	blk, err := Open(file, file.Size())
	if err != nil {
		b.Fatal(err)
	}
	return blk, file
}

func benchSelect(b *testing.B, kind Kind, needs ...match.Need) {
	b.Helper()
	blk, file := openBench(b, kind)
	q := NewQuery(kind, 0, 0, query{plan: match.Plan{Needs: needs, Exact: true}})
	found := 0
	for b.Loop() {
		r := blk.Read(file)
		if may, err := r.May(q); err != nil || !may {
			found = 0
			continue
		}
		rows, err := r.Select(q)
		if err != nil {
			b.Fatal(err)
		}
		found = len(rows)
	}
	b.ReportMetric(float64(found), "found")
}

func BenchmarkSelectAttr(b *testing.B) {
	benchSelect(b, Spans, match.Need{Field: "enduser.id", Text: "user-777"})
}

func BenchmarkSelectStatus(b *testing.B) {
	benchSelect(b, Spans, match.Need{Field: "status", Text: "error"}, match.Need{Field: "service", Text: "order"})
}

func BenchmarkSelectMiss(b *testing.B) {
	benchSelect(b, Spans, match.Need{Field: "enduser.id", Text: "nobody"})
}

func BenchmarkSelectWord(b *testing.B) {
	benchSelect(b, Logs, match.Need{Condition: match.Word, Text: "refused"})
}

func BenchmarkTrace(b *testing.B) {
	blk, file := openBench(b, Spans)
	r := blk.Read(file)
	if err := r.loadTraces(); err != nil {
		b.Fatal(err)
	}
	id := r.traces.id(2000)
	for b.Loop() {
		r := blk.Read(file)
		rows, err := r.OfTrace(id)
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Spans(rows, Want{}, func(uint32, *signal.Span) bool { return true }); err != nil {
			b.Fatal(err)
		}
	}
}
