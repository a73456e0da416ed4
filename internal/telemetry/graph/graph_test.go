package graph

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

var begin = time.Now().Truncate(time.Second)

// seen is a store in which counters rose evenly for a minute.
type seen struct {
	t     *testing.T
	store *metrics.Store
}

func newSeen(t *testing.T) *seen {
	t.Helper()
	s, err := metrics.Open(metrics.Options{Dir: t.TempDir(), Now: func() time.Time { return begin.Add(time.Minute) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &seen{t, s}
}

// rise lets a counter rise by so much a second.
func (s *seen) rise(perSecond float64, name string, pairs ...string) {
	s.t.Helper()
	for at := 0; at <= 60; at += 5 {
		s.append(at, metrics.Sample{Labels: metrics.Named(name, pairs...), Value: perSecond * float64(at)})
	}
}

// took lets a histogram rise by one a second, of a millisecond to two.
func (s *seen) took(name string, pairs ...string) {
	s.t.Helper()
	for at := 0; at <= 60; at += 5 {
		n := uint64(at)
		s.append(at, metrics.Sample{Labels: metrics.Named(name, pairs...), Histogram: &metrics.Histogram{
			Count: n, Sum: float64(n) / 1000, Positive: metrics.Buckets{Offset: -10, Counts: []uint64{n}},
		}})
	}
}

func (s *seen) append(at int, sample metrics.Sample) {
	s.t.Helper()
	sample.Time = begin.Add(time.Duration(at) * time.Second).UnixMilli()
	if err := s.store.Append(s.t.Context(), []metrics.Sample{sample}); err != nil {
		s.t.Fatal(err)
	}
}

func shop() *model.App {
	service := func(s appfile.Service) *model.Service { return &model.Service{Spec: &s} }
	app := &model.App{
		Gateway: &appfile.Gateway{Routes: []*appfile.Route{{Path: "/orders", To: "order"}}},
		Topics:  map[string]*appfile.Topic{"order.placed": {}},
		Services: map[string]*model.Service{
			"order": service(appfile.Service{
				Owner: "team-a", Calls: appfile.Calls{"payment": nil, "user": nil}, Publishes: []string{"order.placed"},
				Database: &appfile.Database{Engine: appfile.EnginePostgres},
			}),
			"payment": service(appfile.Service{}),
			"user":    service(appfile.Service{}),
			"mail":    service(appfile.Service{Subscribes: map[string]*appfile.Subscription{"order.placed": {}}}),
		},
	}
	for name, s := range app.Services {
		s.Name = name
	}
	return app
}

func find(t *testing.T, m *Map, from, to string) Edge {
	t.Helper()
	for _, e := range m.Edges {
		if e.From == from && e.To == to {
			return e
		}
	}
	t.Fatalf("no edge from %s to %s in %+v", from, to, m.Edges)
	return Edge{}
}

func about(got, want float64) bool { return got > 0.9*want && got < 1.1*want }

func TestDraw(t *testing.T) {
	s := newSeen(t)
	s.rise(10, "banyan_requests_total", "caller", "gateway", "callee", "order", "route", "/orders", "status", "2xx")
	s.rise(2, "banyan_requests_total", "caller", "gateway", "callee", "", "status", "4xx")
	s.rise(8, "banyan_requests_total", "caller", "order", "callee", "payment", "status", "2xx", "revision", "r1")
	s.rise(2, "banyan_requests_total", "caller", "order", "callee", "payment", "status", "5xx", "revision", "r2")
	s.rise(2, "banyan_request_errors_total", "caller", "order", "callee", "payment")
	s.took("banyan_request_duration_seconds", "caller", "order", "callee", "payment")
	s.rise(1, "banyan_requests_total", "caller", "user", "callee", "payment", "status", "4xx")
	s.rise(1, "banyan_request_failures_total", "caller", "user", "callee", "payment", "code", "call-refused")
	s.rise(3, "banyan_requests_total", "caller", "order", "callee", "banyan", "status", "2xx")
	s.rise(4, "banyan_requests_total", "caller", "banyan", "callee", "mail", "status", "2xx")
	s.rise(3, "banyan_publishes_total", "publisher", "order", "topic", "order.placed")
	s.rise(3, "banyan_topic_published_total", "topic", "order.placed")
	s.rise(3, "banyan_subscription_delivered_total", "topic", "order.placed", "service", "mail")
	s.rise(1, "banyan_subscription_failed_total", "topic", "order.placed", "service", "mail")
	s.rise(5, "banyan_client_calls_total", "service", "order", "kind", "database", "peer", "postgresql/orders")
	s.rise(6, "banyan_client_calls_total", "service", "payment", "kind", "outside", "peer", "api.bank.example")

	s.rise(1, "banyan_client_call_errors_total", "service", "payment", "kind", "outside", "peer", "api.bank.example")
	s.took("banyan_client_call_duration_seconds", "service", "payment", "kind", "outside", "peer", "api.bank.example")
	s.rise(7, "banyan_client_calls_total", "service", "mail", "kind", "messaging", "peer", "kafka/sent")
	s.rise(8, "banyan_client_calls_total", "service", "mail", "kind", "consumer", "peer", "kafka/bounced")
	s.rise(9, "banyan_client_calls_total", "service", "mail", "kind", "outside", "peer", "user")

	status := []model.ServiceStatus{{Service: &model.Service{Name: "order"}, State: model.State(model.Ready)}}
	m, err := Draw(t.Context(), s.store, shop(), status, begin, begin.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if e := find(t, m, "gateway:gateway", "service:order"); !e.Declared || !about(e.Rates.Requests, 10) {
		t.Errorf("%+v", e)
	}
	if e := find(t, m, "client:clients", "gateway:gateway"); !about(e.Rates.Requests, 12) {
		t.Errorf("%+v", e)
	}
	if e := find(t, m, "service:order", "service:payment"); !e.Declared || !about(e.Rates.Requests, 10) || !about(e.Rates.Errors, 2) ||
		e.Rates.P50 < 900*time.Microsecond || e.Rates.P99 > 2*time.Millisecond || e.Rates.P50 >= e.Rates.P99 {
		t.Errorf("%+v", e)
	}
	if e := find(t, m, "service:order", "service:user"); !e.Declared || e.Rates != (Rates{}) {
		t.Errorf("declared and not used: %+v", e)
	}
	if e := find(t, m, "service:user", "service:payment"); e.Declared || !about(e.Refused, 1) || e.Rates.Requests > 0.001 {
		t.Errorf("refused: %+v", e)
	}
	if e := find(t, m, "service:order", "topic:order.placed"); e.Kind != Publish || !e.Declared || !about(e.Rates.Requests, 3) {
		t.Errorf("%+v", e)
	}
	if e := find(t, m, "topic:order.placed", "service:mail"); e.Kind != Deliver || !about(e.Rates.Requests, 4) || !about(e.Rates.Errors, 1) {
		t.Errorf("%+v", e)
	}
	if e := find(t, m, "service:order", "database:order/postgresql"); e.Kind != Database || !e.Declared || !about(e.Rates.Requests, 5) {
		t.Errorf("%+v", e)
	}
	if e := find(t, m, "service:payment", "outside:api.bank.example"); e.Declared || !about(e.Rates.Requests, 6) || !about(e.Rates.Errors, 1) || e.Rates.P50 == 0 {
		t.Errorf("%+v", e)
	}
	if e := find(t, m, "service:mail", "outside:kafka/sent"); e.Kind != Publish || !about(e.Rates.Requests, 7) {
		t.Errorf("%+v", e)
	}
	if e := find(t, m, "outside:kafka/bounced", "service:mail"); e.Kind != Deliver || !about(e.Rates.Requests, 8) {
		t.Errorf("%+v", e)
	}
	for _, n := range m.Nodes {
		switch n.ID {
		case "service:order":
			if n.State != "ready" || n.Owner != "team-a" || !about(n.Rates.Requests, 10) {
				t.Errorf("%+v", n)
			}
		case "service:mail":
			if !about(n.Rates.Requests, 4) {
				t.Errorf("%+v", n)
			}
		case "service:banyan", "gateway:banyan", "service:", "outside:user":
			t.Errorf("%+v", n)
		}
	}
}

// Of a time that is over the states come from the metrics; one that was left counts no more.
func TestDrawThePast(t *testing.T) {
	s := newSeen(t)
	for i, state := range []string{"starting", "ready", "ready"} {
		s.append(20*i, metrics.Sample{Labels: metrics.Named("banyan_service_state", "service", "order", "state", state), Value: 1})
	}
	m, err := Draw(t.Context(), s.store, shop(), nil, begin, begin.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range m.Nodes {
		if want := map[string]string{"service:order": "ready"}[n.ID]; n.State != want {
			t.Errorf("%s is %q, want %q", n.ID, n.State, want)
		}
	}
}

// In an app with sagas who starts them, and whom their steps call, is drawn. Events of
// an outbox are those of the topic's only publisher that is left.
func TestDrawSagasAndOutboxes(t *testing.T) {
	s, app := newSeen(t), shop()
	app.Sagas = map[string]json.RawMessage{"checkout": nil}
	s.rise(2, "banyan_requests_total", "caller", "order", "callee", "banyan", "status", "2xx")
	s.rise(2, "banyan_requests_total", "caller", "banyan", "callee", "payment", "status", "2xx")
	s.rise(3, "banyan_topic_published_total", "topic", "order.placed")
	m, err := Draw(t.Context(), s.store, app, nil, begin, begin.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for _, ends := range [][2]string{{"service:order", "platform:banyan"}, {"platform:banyan", "service:payment"}} {
		if e := find(t, m, ends[0], ends[1]); !about(e.Rates.Requests, 2) {
			t.Errorf("%+v", e)
		}
	}
	if e := find(t, m, "service:order", "topic:order.placed"); !about(e.Rates.Requests, 3) {
		t.Errorf("%+v", e)
	}
}

func TestDrawNothing(t *testing.T) {
	m, err := Draw(t.Context(), newSeen(t).store, &model.App{}, nil, begin, begin.Add(time.Minute))
	if err != nil || len(m.Nodes) != 0 || len(m.Edges) != 0 {
		t.Errorf("%+v, %v", m, err)
	}
}
