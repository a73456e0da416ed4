package blocktest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Source makes records, whose times go on by Gap nanoseconds for each trace or line.
type Source struct {
	Gap int64

	random    *rand.Rand
	now       int64
	resources []*signal.Resource
	orders    int
	span      uint64
}

var services = []string{"gateway", "cart", "order", "payment", "catalog", "shipping", "user", "notification"}

// New returns a source whose first record is at a time in nanoseconds since 1970.
func New(seed uint64, start int64) *Source {
	s := &Source{Gap: 400_000, now: start, random: rand.New(rand.NewPCG(seed, 7))} //nolint:gosec // the same seed must make the same
	for _, service := range services {
		for i := range 3 {
			s.resources = append(s.resources, &signal.Resource{
				Service: service, Instance: fmt.Sprintf("%s-%d", service, i+1), Revision: "7f3a2c1",
				Attrs: signal.Attrs{
					{Key: "telemetry.sdk.language", Value: signal.Text("go")}, {Key: "telemetry.sdk.version", Value: signal.Text("1.37.0")},
					{Key: "host.name", Value: signal.Text("shop-1")}, {Key: "process.pid", Value: signal.Integer(int64(4000 + 10*i))},
				},
			})
		}
	}
	return s
}

// Spans returns at least n spans, in whole traces, each trace's children first, as
// exporters send them.
func (s *Source) Spans(n int) []signal.Span {
	spans := make([]signal.Span, 0, n+16)
	for len(spans) < n {
		spans = s.Trace(spans)
	}
	return spans
}

// Trace appends a trace's spans.
func (s *Source) Trace(to []signal.Span) []signal.Span {
	s.now += s.Gap/2 + s.random.Int64N(s.Gap)
	s.orders++
	var id signal.TraceID
	binary.BigEndian.PutUint64(id[:], s.random.Uint64())
	binary.BigEndian.PutUint64(id[8:], s.random.Uint64())
	first := len(to)
	to = s.call(to, id, signal.SpanID{}, 0, s.now, 0)
	for i, j := first, len(to)-1; i < j; i, j = i+1, j-1 {
		to[i], to[j] = to[j], to[i]
	}
	return to
}

func (s *Source) id() (id signal.SpanID) {
	s.span++
	binary.BigEndian.PutUint64(id[:], s.span*0x9e3779b97f4a7c15)
	return id
}

// call appends a span of a service and those of what it calls.
func (s *Source) call(to []signal.Span, trace signal.TraceID, parent signal.SpanID, service int, at int64, depth int) []signal.Span {
	resource := s.resources[3*service+s.random.IntN(3)]
	route := s.random.IntN(6)
	length := int64(200_000 + s.random.ExpFloat64()*3e6)
	span := signal.Span{
		Trace: trace, ID: s.id(), Parent: parent, Start: at, End: at + length, Kind: signal.KindServer, Resource: resource,
		Scope: signal.Scope{Name: "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", Version: "0.62.0"},
		Name:  fmt.Sprintf("POST /%s/%d/{id}", services[service], route),
	}
	status := int64(200)
	if s.random.IntN(100) == 0 {
		status, span.Status, span.Message = 503, signal.StatusError, "upstream connect error"
	}
	span.Attrs = signal.Attrs{
		{Key: "http.request.method", Value: signal.Text("POST")},
		{Key: "http.route", Value: signal.Text(span.Name[5:])},
		{Key: "url.path", Value: signal.Text(fmt.Sprintf("/%s/%d/%d", services[service], route, 100_000+s.orders))},
		{Key: "url.scheme", Value: signal.Text("http")},
		{Key: "server.address", Value: signal.Text(services[service] + ".internal")},
		{Key: "network.peer.address", Value: signal.Text(fmt.Sprintf("10.0.%d.%d", s.random.IntN(4), s.random.IntN(250)))},
		{Key: "network.peer.port", Value: signal.Integer(int64(30_000 + s.random.IntN(20_000)))},
		{Key: "user_agent.original", Value: signal.Text("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36")},
		{Key: "http.response.status_code", Value: signal.Integer(status)},
		{Key: "http.response.body.size", Value: signal.Integer(int64(200 + s.random.IntN(4000)))},
		{Key: "enduser.id", Value: signal.Text(fmt.Sprintf("user-%d", s.random.IntN(20_000)))},
	}
	to = append(to, span)
	calls := 3 - depth
	for i := range calls {
		if depth > 0 && s.random.IntN(3) == 0 {
			continue
		}
		at += length / int64(2*calls)
		to = s.call(to, trace, span.ID, 1+(service+i+depth)%(len(services)-1), at, depth+1)
	}
	return to
}

// Logs returns n log records; one in two is a trace's.
func (s *Source) Logs(n int) []signal.Log {
	logs := make([]signal.Log, n)
	for i := range logs {
		s.now += s.random.Int64N(s.Gap)
		s.orders++
		l := &logs[i]
		*l = signal.Log{
			Time: s.now, Severity: signal.SeverityInfo, Resource: s.resources[s.random.IntN(len(s.resources))],
			Scope: signal.Scope{Name: signal.ScopeOutput},
			Text:  fmt.Sprintf("order %d accepted for user-%d in %d ms", 100_000+s.orders, s.random.IntN(20_000), s.random.IntN(300)),
			Attrs: signal.Attrs{
				{Key: "logger", Value: signal.Text("shop.orders")},
				{Key: "order.id", Value: signal.Integer(int64(100_000 + s.orders))},
				{Key: "amount", Value: signal.Number(float64(s.random.IntN(10_000)) / 100)},
			},
		}
		if s.random.IntN(2) == 0 {
			binary.BigEndian.PutUint64(l.Trace[:], s.random.Uint64())
			binary.BigEndian.PutUint64(l.Trace[8:], s.random.Uint64())
			l.Span = s.id()
		}
		if s.random.IntN(200) == 0 {
			l.Severity, l.Text = signal.SeverityError, fmt.Sprintf("cannot reach payment: dial tcp 10.0.0.%d:8080: connection refused", s.random.IntN(250))
		}
	}
	return logs
}
