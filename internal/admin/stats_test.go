package admin

import (
	"maps"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/account"
)

func TestStats(t *testing.T) {
	set := account.NewSet()
	l := set.Edge(account.Key{Caller: "gateway", Callee: "order", Route: "/api"})
	for range 99 {
		l.Begin()
		l.End(1, "r1", &account.Outcome{Status: 200, Tries: 1, In: 2, Out: 3, Latency: time.Millisecond, Upstream: time.Microsecond})
	}
	l.Begin()
	l.End(1, "", &account.Outcome{Code: "no-ready-instance", Failed: true, Tries: 3, Latency: time.Hour})
	l.Begin()
	edges, _ := set.Copy(0, 10)
	got := stats(&account.Snapshot{Since: time.Unix(1, 0), Taken: time.Unix(2, 0), Edges: account.Merge(edges), Overflow: 5, Refusals: map[string]uint64{"silent": 6}})

	if got.GetSince().GetSeconds() != 1 || got.GetTime().GetSeconds() != 2 || got.GetOverflow() != 5 || len(got.GetEdges()) != 1 {
		t.Fatalf("%v", got)
	}
	if !maps.Equal(got.GetRefusals(), map[string]uint64{"silent": 6}) {
		t.Errorf("refused %v", got.GetRefusals())
	}
	e := got.GetEdges()[0]
	if e.GetCaller() != "gateway" || e.GetCallee() != "order" || e.GetRoute() != "/api" || e.GetInFlight() != 1 || len(e.GetRevisions()) != 2 {
		t.Errorf("%v", e)
	}
	c := e.GetTotal()
	if c.GetRequests() != 100 || c.GetErrors() != 1 || c.GetRetries() != 2 || c.GetBytesIn() != 198 || c.GetBytesOut() != 297 ||
		!maps.Equal(c.GetStatuses(), map[string]uint64{"2xx": 99, "none": 1}) || c.GetCodes()["no-ready-instance"] != 1 {
		t.Errorf("%v", c)
	}
	for name, d := range map[string]struct{ got, want time.Duration }{
		"p50": {c.GetLatency().GetP50().AsDuration(), time.Millisecond},
		"p99": {c.GetLatency().GetP99().AsDuration(), time.Millisecond},
		"sum": {c.GetLatency().GetSum().AsDuration(), time.Hour + 99*time.Millisecond},
	} {
		if off := d.got - d.want; max(off, -off) > d.want*6/100 {
			t.Errorf("%s is %v, want about %v", name, d.got, d.want)
		}
	}
	if b := c.GetLatency().GetBuckets(); len(b) != 2 || b[0].GetCount() != 99 || b[1].GetFrom().AsDuration() > time.Hour || b[1].GetTo().AsDuration() <= time.Hour {
		t.Errorf("%v", b)
	}
	if u := e.GetRevisions()[0]; u.GetRevision() != "" || u.GetCounters().GetUpstream().GetCount() != 0 || u.GetCounters().GetRequests() != 1 {
		t.Errorf("%v", u)
	}
}
