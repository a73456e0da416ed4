package block

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

func TestRows(t *testing.T) {
	var e RowEncoder
	rapid.Check(t, func(t *rapid.T) {
		spans := rapid.SliceOfN(genSpan, 1, 20).Draw(t, "spans")
		logs := rapid.SliceOfN(genLog, 1, 20).Draw(t, "logs")
		if got, _, err := ParseRows(e.Spans(nil, spans)); err != nil || !reflect.DeepEqual(got, spans) {
			t.Fatalf("%v: %+v\nnot\n%+v", err, got, spans)
		}
		if _, got, err := ParseRows(e.Logs(nil, logs)); err != nil || !reflect.DeepEqual(got, logs) {
			t.Fatalf("%v: %+v\nnot\n%+v", err, got, logs)
		}
	})
}

func FuzzRows(f *testing.F) {
	var e RowEncoder
	for i := range 3 {
		s, l := genSpan.Example(i), genLog.Example(i)
		f.Add(e.Spans(nil, []signal.Span{s, s}))
		f.Add(append([]byte(nil), e.Logs(nil, []signal.Log{l, l})...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		spans, logs, err := ParseRows(b)
		if err != nil {
			return
		}
		var e RowEncoder
		if spans != nil {
			again, _, err := ParseRows(e.Spans(nil, spans))
			if err != nil || !reflect.DeepEqual(again, spans) {
				t.Fatalf("%v: %+v\nnot\n%+v", err, again, spans)
			}
			return
		}
		_, again, err := ParseRows(e.Logs(nil, logs))
		if err != nil || len(again) != len(logs) {
			t.Fatalf("%v: %+v\nnot\n%+v", err, again, logs)
		}
	})
}
