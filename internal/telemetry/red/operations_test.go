package red

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

func serverSpan(service, name string, took time.Duration, status signal.Status) signal.Span {
	return signal.Span{
		Trace: signal.TraceID{1}, ID: signal.SpanID{byte(took / time.Millisecond)}, Name: name, Kind: signal.KindServer, Status: status,
		End: int64(took), Resource: &signal.Resource{Service: service},
	}
}

// count is how many operations there are in the newest samples of some labels.
func count(samples []metrics.Sample, pairs ...string) (n uint64) {
	for i := range samples {
		s := &samples[i]
		if s.Histogram == nil {
			continue
		}
		match := s.Labels.Get(metrics.NameLabel) == SpanDurations
		for k := 0; k < len(pairs); k += 2 {
			match = match && s.Labels.Get(pairs[k]) == pairs[k+1]
		}
		if match {
			n += s.Histogram.Count
		}
	}
	return n
}

func TestOperations(t *testing.T) {
	var o Operations
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	o.Samples(now)
	client, within := serverSpan("order", "SELECT", time.Millisecond, signal.StatusUnset), serverSpan("order", "parse", time.Millisecond, signal.StatusUnset)
	client.Kind, within.Kind = signal.KindClient, signal.KindInternal
	o.Add([]signal.Span{
		serverSpan("order", "GET /orders", 5*time.Millisecond, signal.StatusUnset), serverSpan("order", "GET /orders", 9*time.Millisecond, signal.StatusUnset),
		serverSpan("order", "GET /orders", 7*time.Millisecond, signal.StatusError), client, within,
	})
	got := o.Samples(now.Add(15 * time.Second))
	for want, pairs := range map[uint64][]string{
		2: {"service", "order", "name", "GET /orders", "kind", "server", "status", "unset"},
		1: {"service", "order", "name", "SELECT", "kind", "client", "status", "unset"},
		3: {"name", "GET /orders"},
		4: nil,
	} {
		if n := count(got, pairs...); n != want {
			t.Errorf("%v: %d, want %d", pairs, n, want)
		}
	}
	for i := range got {
		s := &got[i]
		if s.Labels.Get("status") != "unset" || s.Labels.Get("kind") != "server" {
			continue
		}
		switch s.Time {
		case now.UnixMilli(): // its zero
			if s.Histogram.Count != 0 {
				t.Errorf("%+v", s)
			}
		default:
			if len(s.Exemplars) != 1 || s.Exemplars[0].Value != 0.009 {
				t.Errorf("%+v", s.Exemplars)
			}
		}
	}
	if got = o.Samples(now.Add(time.Hour)); count(got) != 4 {
		t.Error("they are forgotten too soon")
	}
	if got = o.Samples(now.Add(2 * time.Hour)); count(got) != 0 || len(o.names) != 0 || len(o.known) != 0 || len(o.tallies.of) != 0 {
		t.Errorf("they stay: %v %v", o.names, o.known)
	}
}

// TestManyNames: what is not told apart is counted all the same, and said.
func TestManyNames(t *testing.T) {
	var o Operations
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range namesMost + 50 {
		o.Add([]signal.Span{serverSpan("order", fmt.Sprintf("GET /orders/%d", i), time.Millisecond, signal.StatusUnset)})
	}
	o.Add([]signal.Span{serverSpan("order", "GET /orders/0", time.Millisecond, signal.StatusError), serverSpan("stock", strings.Repeat("x", 1000), time.Millisecond, signal.StatusUnset)})
	got := o.Samples(now)
	if n := count(got, "service", "order", "name", other); n != 50 {
		t.Errorf("%d others", n)
	}
	if n := count(got, "service", "stock", "name", other); n != 1 || count(got) != namesMost+52 || count(got, "status", "error", "name", "GET /orders/0") != 1 {
		t.Errorf("%d of all", count(got))
	}
	if got[0].Labels.Get(metrics.NameLabel) != SpansFolded || got[0].Value != 51 {
		t.Errorf("%+v", got[0])
	}
	for i := range 2 * operationsMost {
		o.Add([]signal.Span{serverSpan(fmt.Sprint("s", i), "x", time.Millisecond, signal.StatusUnset)})
	}
	if got = o.Samples(now.Add(time.Second)); len(o.tallies.of) > operationsMost+12 || count(got) != uint64(namesMost+52+2*operationsMost) {
		t.Errorf("%d tallies of %d", len(o.tallies.of), count(got))
	}
}

// TestManyPeers: hosts that are not told apart are counted together.
func TestManyPeers(t *testing.T) {
	var c Clients
	for i := range 2 * peersMost {
		c.Add([]signal.Span{{
			Kind: signal.KindClient, Resource: &signal.Resource{Service: "order"},
			Attrs: signal.Attrs{{Key: "server.address", Value: signal.Text(fmt.Sprintf("h%d.example", i))}},
		}})
	}
	rest := uint64(0)
	if n := c.tallies.of[peer{other, outside, other}]; n != nil {
		rest = n.calls
	}
	if len(c.tallies.of) != peersMost+1 || rest != peersMost {
		t.Errorf("%d peers, %d of them calls of others", len(c.tallies.of), rest)
	}
}
