package store

import (
	"fmt"
	"slices"
	"testing"

	"github.com/banyanrun/banyan/internal/bus/journal/fsystest"
	"github.com/banyanrun/banyan/internal/telemetry/block/blocktest"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Attributes of log records that are called like fields of spans are found, counted and
// offered, in memory and in blocks.
func TestAttributesCalledLikeFields(t *testing.T) {
	s := openOn(t, fsystest.New(1))
	logs := blocktest.New(1, began.UnixNano()).Logs(60)
	for i := range logs {
		logs[i].Attrs = signal.Attrs{
			{Key: "status", Value: signal.Integer(int64(200 + 300*(i%2)))}, {Key: "duration", Value: signal.Text("5ms")},
			{Key: "name", Value: signal.Text(fmt.Sprint("n", i))}, {Key: "kind", Value: signal.Text("x")},
		}
	}
	check := func(blocks int) {
		t.Helper()
		if st := s.Status()[1]; st.Blocks != blocks {
			t.Fatalf("%d blocks", st.Blocks)
		}
		for field, want := range map[string]struct {
			text string
			n    int
		}{"status": {"500", 30}, "duration": {"5ms", 60}, "name": {"n7", 1}, "kind": {"x", 60}} {
			r, err := s.SearchLogs(t.Context(), LogQuery{Match: equal(field, want.text)})
			if err != nil || len(r.Logs) != want.n {
				t.Errorf("%s=%s: %d found, want %d; %v", field, want.text, len(r.Logs), want.n, err)
			}
			values, err := s.Values(t.Context(), Logs, field, "", 100)
			if err != nil || !slices.Contains(values, want.text) {
				t.Errorf("values of %s: %v, %v", field, values, err)
			}
		}
		r, err := s.CountLogs(t.Context(), CountQuery{From: 0, To: 1 << 62, Fields: []string{"status", "kind"}})
		if got := fmt.Sprint(r.Facets); err != nil || got != "[{status [{200 30} {500 30}]} {kind [{x 60}]}]" {
			t.Errorf("%s, %v", got, err)
		}
	}
	if err := s.AppendLogs(logs); err != nil {
		t.Fatal(err)
	}
	check(0)
	if err := s.AppendLogs(blocktest.New(2, began.UnixNano()).Logs(50)[:40]); err != nil {
		t.Fatal(err)
	}
	if err := s.AppendLogs(blocktest.New(3, began.UnixNano()).Logs(1)); err != nil {
		t.Fatal(err)
	}
	s.logs.work()
	check(1)
}
