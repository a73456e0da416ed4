package account

import (
	"errors"
	"slices"
	"testing"
	"time"
)

func someSpans() []Span {
	spans := []Span{
		{Trace: [16]byte{1}, ID: [8]byte{2}, Parent: [8]byte{3}, Caller: "gateway", Callee: "order", Route: "/orders", Method: "POST",
			Instance: "order-1", Revision: "r1", Start: 1_700_000_000_000_000_000, Duration: 3 * time.Millisecond, Status: 201, Tries: 1},
		{Trace: [16]byte{4}, ID: [8]byte{5}, Caller: "order", Callee: "payment", Method: "GET",
			Start: 1_699_999_999_000_000_000, Status: 503, Code: "no-ready-instance", Failed: true},
	}
	spans[0].SetPath([]byte("/orders"))
	spans = append(spans, spans[0])
	spans[2].SetPath([]byte("/orders/" + string(make([]byte, 200))))
	return spans
}

func TestSpansTravel(t *testing.T) {
	var e Encoder
	spans := someSpans()
	for range 2 { // what the call before left must not matter
		got, err := ReadSpans(e.Encode(spans))
		if err != nil || !slices.Equal(got, spans) {
			t.Fatalf("%v\n%+v\n%+v", err, got, spans)
		}
	}
	if got := spans[2].Path(); len(got) != pathMost {
		t.Errorf("the path has %d bytes", len(got))
	}
	if got, err := ReadSpans(e.Encode(nil)); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	whole := slices.Clone(e.Encode(spans[:1]))
	for n := range whole {
		if _, err := ReadSpans(whole[:n]); !errors.Is(err, ErrSpans) && n != 1 {
			t.Errorf("%d bytes of %d are taken for spans: %v", n, len(whole), err)
		}
	}
}

func TestEncodingAllocatesNothing(t *testing.T) {
	var e Encoder
	spans := someSpans()
	e.Encode(spans)
	if n := testing.AllocsPerRun(100, func() { e.Encode(spans) }); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
}

func FuzzReadSpans(f *testing.F) {
	var e Encoder
	f.Add(e.Encode(someSpans()))
	f.Add([]byte{wireVersion})
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, data []byte) {
		spans, err := ReadSpans(data)
		if err != nil {
			return
		}
		var e Encoder
		again, err := ReadSpans(e.Encode(spans))
		if err != nil || !slices.Equal(again, spans) {
			t.Fatalf("%v\n%+v\n%+v", err, again, spans)
		}
	})
}

// BenchmarkEncode is what a span costs to get out of the data plane, but for the
// system call of its batch.
func BenchmarkEncode(b *testing.B) {
	spans := make([]Span, batchLen)
	for i := range spans {
		spans[i] = someSpans()[i%2]
		spans[i].Trace[3] = byte(i)
	}
	var e Encoder
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(len(e.Encode(spans))))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batchLen, "ns/span")
}
