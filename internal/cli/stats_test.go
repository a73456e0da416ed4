package cli

import (
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// counting answers with ten requests more, five seconds later, each time.
func counting() func() *banyanv1.StatsResponse {
	since := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)
	n := uint64(0)
	return func() *banyanv1.StatsResponse {
		n++
		return &banyanv1.StatsResponse{
			Since: timestamppb.New(since), Time: timestamppb.New(since.Add(time.Duration(n) * 5 * time.Second)),
			Edges: []*banyanv1.EdgeStats{{Caller: "order", Callee: "user", Total: &banyanv1.Counters{Requests: 10 * n}}},
		}
	}
}

func TestStats(t *testing.T) {
	r := newRun(t, true)
	r.d.onStats = counting()
	r.start("stats", "user", "--interval", "1ms")
	r.exits(exitOK)
	for range 2 {
		if got := called[*banyanv1.StatsRequest](r).GetService(); got != "user" {
			t.Errorf("asked about %q", got)
		}
	}
	r.sees(r.out, "order   user        2     20      0          0\n")
}

func TestStatsJSON(t *testing.T) {
	r := newRun(t, true)
	r.d.onStats = counting()
	r.start("stats", "--json")
	r.exits(exitOK)
	var got banyanv1.StatsResponse
	if err := protojson.Unmarshal([]byte(r.out.String()), &got); err != nil || got.GetEdges()[0].GetTotal().GetRequests() != 10 {
		t.Errorf("not counts: %v\n%s", err, r)
	}
	r.sees(r.out, `"inFlight": "0"`)
}

func TestStatsUsage(t *testing.T) {
	r := newRun(t, true)
	r.start("stats", "--interval", "0s")
	r.exits(exitUsage)
	r.sees(r.err, "0s is no time to look on; see `banyan stats --help`")
}
