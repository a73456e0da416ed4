package stream

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/banyanrun/banyan/internal/proxy/account"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// traffic is a data plane's counts, second by second.
type traffic struct {
	set   *account.Set
	since time.Time
	now   time.Time
}

func (f *traffic) requests(n int, latency time.Duration, code string) {
	l := f.set.Edge(account.Key{Caller: "gateway", Callee: "order", Route: "/api"})
	for range n {
		l.Begin()
		l.End(1, "r1", &account.Outcome{Status: 200, Tries: 1, Latency: latency, Code: code, Failed: code != ""})
	}
}

func (f *traffic) after(d time.Duration) *account.Snapshot {
	f.now = f.now.Add(d)
	edges, _ := f.set.Copy(0, 10)
	return &account.Snapshot{Since: f.since, Taken: f.now, Edges: account.Merge(edges)}
}

func TestRates(t *testing.T) {
	f, r := &traffic{set: account.NewSet(), since: noon, now: noon}, &rates{}
	f.requests(1000, time.Hour, "")
	if r.next(f.after(time.Second)) != nil {
		t.Error("rates from one look")
	}
	f.requests(98, time.Millisecond, "")
	f.requests(2, time.Second, "timeout")
	e := r.next(f.after(2 * time.Second))
	if len(e.Edges) != 1 || e.Seconds != 2 {
		t.Fatalf("%+v", e)
	}
	one := e.Edges[0]
	if one.From != "gateway" || one.To != "order" || one.Route != "/api" || one.RPS != 50 || one.EPS != 1 || one.Codes["timeout"] != 1 ||
		one.P50 < 0.0009 || one.P50 > 0.0011 || one.P99 < 0.9 || one.P99 > 1.1 {
		t.Errorf("%+v", one)
	}
	if e := r.next(f.after(time.Second)); len(e.Edges) != 0 {
		t.Errorf("nothing happened: %+v", e)
	}
	for range 30 { // what is old counts for quantiles no more
		f.requests(1, time.Millisecond, "")
		e = r.next(f.after(time.Second))
	}
	if e.Edges[0].P99 > 0.0011 || e.Edges[0].RPS != 1 {
		t.Errorf("%+v", e.Edges[0])
	}
	if r.next(f.after(time.Minute)) != nil {
		t.Error("rates over a gap")
	}
	f.since = f.now
	if r.next(f.after(time.Second)) != nil {
		t.Error("rates across data planes")
	}
}

func TestUsage(t *testing.T) {
	status := func(cpu time.Duration) *banyanv1.Status {
		return &banyanv1.Status{
			Daemon: &banyanv1.Process{StartedAt: timestamppb.New(noon), CpuTime: durationpb.New(2 * cpu), MemoryBytes: 7},
			Services: []*banyanv1.Service{{Instances: []*banyanv1.Instance{
				{Id: "order-1", Pid: 5, StartedAt: timestamppb.New(noon), CpuTime: durationpb.New(cpu), MemoryBytes: 9}, {Id: "order-2"},
			}}},
		}
	}
	u := &usage{}
	if e := u.next(status(time.Second), noon); e.Instances["order-1"].CPU != 0 || e.Instances["order-1"].Memory != 9 || len(e.Instances) != 1 {
		t.Errorf("%+v", e)
	}
	if e := u.next(status(2*time.Second), noon.Add(5*time.Second)); e.Instances["order-1"].CPU != 0.2 || e.Daemon.CPU != 0.4 || e.Daemon.Memory != 7 {
		t.Errorf("%+v", e)
	}
	if e := u.next(status(9*time.Second), noon.Add(time.Hour)); e.Daemon.CPU != 0 {
		t.Errorf("over a gap: %+v", e)
	}
}

func TestWhatAlwaysDiffersIsNoNews(t *testing.T) {
	now := noon
	f := Feeds{
		Topics: func(context.Context) (*banyanv1.ListTopicsResponse, error) {
			now = now.Add(time.Second)
			return &banyanv1.ListTopicsResponse{Time: timestamppb.New(now), Topics: []*banyanv1.Topic{{Name: "t"}}}, nil
		},
		Alerts: func(context.Context) (*banyanv1.ListAlertsResponse, error) {
			now = now.Add(time.Second)
			return &banyanv1.ListAlertsResponse{Rules: []*banyanv1.AlertRule{{Name: "a", EvaluatedAt: timestamppb.New(now)}}}, nil
		},
	}
	for _, s := range f.Sources() {
		if s.Kind != "topics" && s.Kind != "alerts" {
			continue
		}
		a, err := s.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.Get(t.Context())
		if err != nil || bytes.Equal(a.Data, b.Data) || !bytes.Equal(a.Sum, b.Sum) || !strings.Contains(string(a.Data), "2026-") {
			t.Errorf("%s: %v, %s", s.Kind, err, b.Data)
		}
	}
}
