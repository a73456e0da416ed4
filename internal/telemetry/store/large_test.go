package store

import (
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/bus/journal/fsystest"
	"github.com/banyanrun/banyan/internal/telemetry/block/blocktest"
)

// Records that are too large for one frame together are kept all the same.
func TestLargeRecords(t *testing.T) {
	s := openOn(t, fsystest.New(1))
	logs := blocktest.New(1, began.UnixNano()).Logs(30)
	for i := range logs {
		logs[i].Text = strings.Repeat(string(rune('a'+i)), 3<<20)
	}
	if err := s.AppendLogs(logs); err != nil {
		t.Fatal(err)
	}
	s.logs.work()
	r, err := s.SearchLogs(t.Context(), LogQuery{OldestFirst: true})
	if err != nil || len(r.Logs) != len(logs) || r.Logs[7].Text != logs[7].Text {
		t.Fatal(err, len(r.Logs))
	}
	logs[0].Text = strings.Repeat("x", frameMost+1)
	if err := s.AppendLogs(logs[:1]); err == nil || s.Status()[1].Dropped != 1 {
		t.Error(err, s.Status()[1].Dropped)
	}
}
