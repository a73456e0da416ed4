package red

import (
	"math"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

var begin = time.Unix(1_700_000_000, 0)

// plane counts as a data plane does.
type plane struct {
	since time.Time
	set   *account.Set
}

func newPlane(at time.Time) *plane { return &plane{since: at, set: account.NewSet()} }

func (p *plane) end(caller, callee, revision string, o account.Outcome) {
	l := p.set.Edge(account.Key{Caller: caller, Callee: callee})
	l.Begin()
	l.End(1, revision, &o)
}

func (p *plane) snapshot(at time.Time) *account.Snapshot {
	edges, _ := p.set.Copy(0, 100)
	return &account.Snapshot{Since: p.since, Taken: at, Edges: account.Merge(edges)}
}

// values are the samples of a series, by milliseconds since begin.
func values(samples []metrics.Sample, name string, pairs ...string) map[int64]float64 {
	found := map[int64]float64{}
	for i := range samples {
		s := &samples[i]
		ok := s.Labels.Get(metrics.NameLabel) == name
		for k := 0; k+1 < len(pairs); k += 2 {
			ok = ok && s.Labels.Get(pairs[k]) == pairs[k+1]
		}
		if ok && s.Histogram != nil {
			found[s.Time-begin.UnixMilli()] = float64(s.Histogram.Count)
		} else if ok {
			found[s.Time-begin.UnixMilli()] = s.Value
		}
	}
	return found
}

func same(t *testing.T, what string, got, want map[int64]float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
	for at, v := range want {
		if got[at] != v {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
	}
}

// TestSeriesBeginWithZero: so that the first requests count in rates.
func TestSeriesBeginWithZero(t *testing.T) {
	p := newPlane(begin)
	ok := account.Outcome{Status: 200, Tries: 1, Latency: time.Millisecond, In: 3}
	p.end("order", "user", "r1", ok)
	var d Deriver
	got := d.Samples(p.snapshot(begin.Add(5*time.Second)), nil)
	same(t, "a data plane that has just begun", values(got, Requests, "status", "2xx"), map[int64]float64{0: 0, 5000: 1})
	same(t, "its durations", values(got, Durations, "caller", "order"), map[int64]float64{0: 0, 5000: 1})
	same(t, "bytes", values(got, BytesIn), map[int64]float64{0: 0, 5000: 3})

	p.end("order", "user", "r1", ok)
	p.end("order", "user", "r2", ok)
	p.end("order", "user", "r1", account.Outcome{Status: 503, Code: "no-ready-instance", Failed: true})
	got = d.Samples(p.snapshot(begin.Add(10*time.Second)), nil)
	same(t, "a series that was there", values(got, Requests, "status", "2xx", "revision", "r1"), map[int64]float64{10000: 2})
	same(t, "a new revision", values(got, Requests, "status", "2xx", "revision", "r2"), map[int64]float64{5000: 0, 10000: 1})
	same(t, "a new status", values(got, Requests, "status", "5xx"), map[int64]float64{5000: 0, 10000: 1})
	same(t, "a new code", values(got, Failures, "code", "no-ready-instance"), map[int64]float64{5000: 0, 10000: 1})
	same(t, "errors", values(got, Errors, "revision", "r1"), map[int64]float64{10000: 1})

	p = newPlane(begin.Add(12 * time.Second))
	p.end("order", "user", "r1", ok)
	got = d.Samples(p.snapshot(begin.Add(15*time.Second)), nil)
	same(t, "a data plane that began anew", values(got, Requests), map[int64]float64{12000: 0, 15000: 1})
}

// TestAnotherDaemonGoesOn: what a data plane that is older than the daemon has counted
// was told before, most of it, and did not happen now.
func TestAnotherDaemonGoesOn(t *testing.T) {
	p := newPlane(begin.Add(-time.Hour))
	p.end("order", "user", "r1", account.Outcome{Status: 200})
	var d Deriver
	same(t, "at first", values(d.Samples(p.snapshot(begin), nil), Requests), map[int64]float64{0: 1})
	p.end("order", "pay", "r1", account.Outcome{Status: 200})
	got := d.Samples(p.snapshot(begin.Add(5*time.Second)), nil)
	same(t, "then", values(got, Requests, "callee", "pay"), map[int64]float64{0: 0, 5000: 1})
}

func TestHistogram(t *testing.T) {
	var h account.Histogram
	durations := []time.Duration{time.Microsecond, time.Millisecond, 30 * time.Millisecond, 31 * time.Millisecond, 2 * time.Second, time.Hour}
	for _, d := range durations {
		h.Observe(d)
	}
	got := histogram(&h)
	if got.Count != uint64(len(durations)) || math.Abs(got.Sum-h.Sum().Seconds()) > 1e-9 {
		t.Errorf("%+v", got)
	}
	var upper []float64
	for i, n := range got.Positive.Counts {
		for range n {
			upper = append(upper, math.Exp2(float64(got.Positive.Offset+i+1)/(1<<scale)))
		}
	}
	for i, d := range durations {
		if v := d.Seconds(); upper[i] < v*0.93 || upper[i] > v*1.2 {
			t.Errorf("%v is in the bucket up to %v s", d, upper[i])
		}
	}
}

func TestExemplars(t *testing.T) {
	span := func(id byte, d time.Duration, failed bool) account.Span {
		return account.Span{Trace: [16]byte{id}, ID: [8]byte{id}, Caller: "a", Callee: "b", Revision: "r", Start: begin.UnixNano(), Duration: d, Failed: failed}
	}
	for name, c := range map[string]struct {
		spans []account.Span
		want  byte
	}{
		"the slowest":        {[]account.Span{span(1, 5, false), span(2, 9, false), span(3, 7, false)}, 2},
		"one that failed":    {[]account.Span{span(1, 9, false), span(2, 1, true), span(3, 20, false)}, 2},
		"the slowest failed": {[]account.Span{span(1, 2, true), span(2, 9, true), span(3, 20, false)}, 2},
	} {
		var x Exemplars
		x.Add(c.spans)
		got := x.take(hop{"a", "b", "", "r"})
		if got == nil || got.Labels.Get("trace_id") != signal.TraceID([16]byte{c.want}).String() {
			t.Errorf("%s: %+v", name, got)
		}
		if x.take(hop{"a", "b", "", "r"}) != nil {
			t.Errorf("%s: it is there twice", name)
		}
	}
}

// What nobody took, as its hop is not counted, is in nobody's way for long.
func TestExemplarsAreForgotten(t *testing.T) {
	var x Exemplars
	var d Deriver
	for i := range cacheMost {
		x.Add([]account.Span{{Caller: "a", Callee: strconv.Itoa(i), Start: begin.UnixNano()}})
	}
	d.Samples(&account.Snapshot{Since: begin, Taken: begin.Add(2 * time.Second)}, &x)
	if len(x.of) != cacheMost {
		t.Fatalf("%d are left of those of now", len(x.of))
	}
	later := begin.Add(2 * time.Minute)
	d.Samples(&account.Snapshot{Since: begin, Taken: later}, &x)
	x.Add([]account.Span{{Caller: "a", Callee: "new", Start: later.UnixNano()}})
	if x.take(hop{caller: "a", callee: "new"}) == nil {
		t.Error("old ones are in the way of a new one")
	}
}

func TestSpans(t *testing.T) {
	from := account.Span{
		Trace: [16]byte{1}, ID: [8]byte{2}, Caller: "gateway", Callee: "order", Route: "/orders", Method: "POST", Instance: "order-1",
		Revision: "r1", Start: 5, Duration: 7, Status: 503, Code: "no-ready-instance", Failed: true, Tries: 2,
	}
	from.SetPath([]byte("/orders/\xff"))
	var tr Tracer
	got := tr.Spans([]account.Span{
		from, {Caller: "gateway", Callee: "order", Method: "GET", Instance: "order-1", Revision: "r1", Status: 200, Tries: 1},
		{Caller: "gateway", Method: "GET", Status: 404},
	})
	s := got[0]
	if s.Name != "POST /orders" || !reflect.DeepEqual(*s.Resource, signal.Resource{Service: "order", Instance: "order-1", Revision: "r1"}) || s.Kind != signal.KindServer || s.End != 12 ||
		s.Status != signal.StatusError || s.Message != "no-ready-instance" || s.Scope.Name != signal.ScopeDataPlane || s.Resource != got[1].Resource {
		t.Errorf("%+v", s)
	}
	for key, want := range map[string]string{
		"banyan.caller": "gateway", "http.request.method": "POST", "http.route": "/orders", "url.path": "/orders/\uFFFD", "http.response.status_code": "503",
		"banyan.code": "no-ready-instance", "banyan.tries": "2",
	} {
		if v := s.Attrs.Text(key); v != want {
			t.Errorf("%s is %q, want %q", key, v, want)
		}
	}
	if s = got[1]; s.Name != "GET order" || s.Attrs.Text("banyan.tries") != "" || s.Status != signal.StatusUnset || s.Attrs.Text("banyan.caller") != "gateway" {
		t.Errorf("%+v", s)
	}
	if s = got[2]; s.Resource.Service != "gateway" || s.Attrs.Text("banyan.caller") != "" {
		t.Errorf("%+v", s)
	}
}

func TestClients(t *testing.T) {
	r := &signal.Resource{Service: "order"}
	span := func(kind signal.Kind, attrs ...string) signal.Span {
		s := signal.Span{Kind: kind, Resource: r, End: int64(time.Millisecond)}
		for i := 0; i+1 < len(attrs); i += 2 {
			s.Attrs = append(s.Attrs, signal.Attr{Key: attrs[i], Value: signal.Text(attrs[i+1])})
		}
		return s
	}
	var c Clients
	c.Samples(begin)
	c.Add([]signal.Span{
		span(signal.KindClient, "db.system", "postgresql", "db.name", "orders"),
		span(signal.KindClient, "db.system.name", "redis", "server.address", "cache.example"),
		span(signal.KindProducer, "messaging.system", "kafka", "messaging.destination.name", "a"),
		span(signal.KindClient, "url.full", "https://api.bank.example:8443/x"),
		span(signal.KindClient, "server.address", "127.0.0.1"),
		span(signal.KindServer, "db.system", "postgresql"),
		span(signal.KindClient),
		span(signal.KindConsumer, "messaging.system", "kafka", "messaging.destination.name", "b"),
		span(signal.KindProducer, "messaging.system", "banyan", "messaging.destination.name", "c"),
		span(signal.KindClient, "peer.service", "Bank"),
		span(signal.KindClient, "peer.service", "payment", "network.peer.address", "127.0.0.1"),
		span(signal.KindClient, "server.address", "payment.localhost"),
	})
	got := c.Samples(begin.Add(time.Second))
	var peers []string
	for i := range got {
		if got[i].Labels.Get(metrics.NameLabel) == ClientCalls && got[i].Value == 1 {
			peers = append(peers, got[i].Labels.Get("kind")+" "+got[i].Labels.Get("peer"))
		}
	}
	slices.Sort(peers)
	want := []string{"consumer kafka/b", "database postgresql/orders", "database redis/cache.example", "messaging kafka/a", "outside api.bank.example", "outside bank"}
	if !slices.Equal(peers, want) {
		t.Errorf("%q", peers)
	}
	same(t, "a new one", values(got, ClientDurations, "peer", "kafka/a"), map[int64]float64{0: 0, 1000: 1})
}
