package zipkin

import (
	"strconv"
	"strings"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// span is one of Zipkin's, as https://zipkin.io/zipkin-api/zipkin2-api.yaml has it.
type span struct {
	TraceID   string            `json:"traceId"`
	ParentID  string            `json:"parentId"`
	ID        string            `json:"id"`
	Kind      string            `json:"kind"`
	Name      string            `json:"name"`
	Timestamp int64             `json:"timestamp"` // microseconds since 1970
	Duration  int64             `json:"duration"`  // microseconds
	Debug     bool              `json:"debug"`
	Shared    bool              `json:"shared"`
	Local     *endpoint         `json:"localEndpoint"`
	Remote    *endpoint         `json:"remoteEndpoint"`
	Events    []annotation      `json:"annotations"`
	Tags      map[string]string `json:"tags"`
}

type endpoint struct {
	Service string `json:"serviceName"`
	IPv4    string `json:"ipv4"`
	IPv6    string `json:"ipv6"`
	Port    int    `json:"port"`
}

type annotation struct {
	Timestamp int64  `json:"timestamp"` // microseconds since 1970
	Value     string `json:"value"`
}

// maxMicros is the last time that nanoseconds can say.
const maxMicros = (1<<63 - 1) / 1000

// signal turns a span into ours, or says why it is none.
func (s *span) signal(resource *signal.Resource, scope signal.Scope) (out signal.Span, why string) {
	trace, ok1 := signal.ParseTraceID(s.TraceID)
	id, ok2 := signal.ParseSpanID(s.ID)
	switch {
	case !ok1:
		return out, "its traceId is not 16 or 32 hex digits"
	case !ok2:
		return out, "its id is not 16 hex digits"
	}
	parent, ok := signal.ParseSpanID(s.ParentID)
	if s.ParentID != "" && !ok && strings.Trim(s.ParentID, "0") != "" {
		return out, "its parentId is not 16 hex digits"
	}
	start := s.start()
	if start <= 0 || start > maxMicros {
		return out, "it has no timestamp, in microseconds since 1970"
	}
	end := start
	if d := s.Duration; d > 0 && d <= maxMicros-start {
		end += d
	}
	out = signal.Span{
		Trace: trace, ID: id, Parent: parent, Name: s.Name, Kind: kinds[strings.ToUpper(s.Kind)],
		Start: 1000 * start, End: 1000 * end, Resource: resource, Scope: scope, Attrs: s.attrs(),
	}
	if s.Shared && out.Kind == signal.KindServer {
		out.Parent, out.ID = id, sharedID(id)
	}
	if e, failed := s.Tags["error"]; failed && !strings.EqualFold(e, "false") {
		out.Status = signal.StatusError
		if !strings.EqualFold(e, "true") {
			out.Message = e
		}
	}
	for _, a := range s.Events {
		if a.Timestamp > 0 && a.Timestamp <= maxMicros {
			out.Events = append(out.Events, signal.Event{Time: 1000 * a.Timestamp, Name: a.Value})
		}
	}
	return out, ""
}

// start is when the span began; without a timestamp, its first annotation.
func (s *span) start() int64 {
	at := s.Timestamp
	if at != 0 {
		return at
	}
	for _, a := range s.Events {
		if at == 0 || a.Timestamp > 0 && a.Timestamp < at {
			at = a.Timestamp
		}
	}
	return at
}

var kinds = map[string]signal.Kind{
	"": signal.KindInternal, "CLIENT": signal.KindClient, "SERVER": signal.KindServer, "PRODUCER": signal.KindProducer, "CONSUMER": signal.KindConsumer,
}

// sharedID is a server's span of its own, where it shares its client's, as B3 lets
// it. It is the same for all who see the span; what is below the server keeps the
// client's span for its parent, which is above this one.
func sharedID(id signal.SpanID) signal.SpanID {
	id[0] ^= 0x80
	if id.IsZero() {
		id[0] = 1
	}
	return id
}

// attrs are the tags, and what endpoints say, by OpenTelemetry's names for it.
func (s *span) attrs() signal.Attrs {
	list := make(signal.Attrs, 0, len(s.Tags)+4)
	for _, k := range sorted(s.Tags) {
		list = append(list, signal.Attr{Key: k, Value: tagValue(s.Tags[k])})
	}
	add := func(key string, v signal.Value) {
		if _, ok := s.Tags[key]; !ok {
			list = append(list, signal.Attr{Key: key, Value: v})
		}
	}
	if r := s.Remote; r != nil {
		if r.Service != "" {
			add("peer.service", signal.Text(r.Service))
		}
		if ip := r.address(); ip != "" {
			add("network.peer.address", signal.Text(ip))
		}
		if r.Port > 0 {
			add("network.peer.port", signal.Integer(int64(r.Port)))
		}
	}
	if s.Debug {
		add("zipkin.debug", signal.Truth(true))
	}
	return list
}

func (e *endpoint) address() string {
	if e.IPv4 != "" {
		return e.IPv4
	}
	return e.IPv6
}

// maxDigits is the longest tag that is read as a number: it fits any Int.
const maxDigits = 18

// tagValue is a tag, which is always text in Zipkin: one that is written as a number
// is, so that http.status_code can be compared.
func tagValue(s string) signal.Value {
	if s == "" || len(s) > maxDigits || s[0] == '0' && len(s) > 1 {
		return signal.Text(s)
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return signal.Text(s)
		}
	}
	n, _ := strconv.ParseInt(s, 10, 64) // digits alone, and not too many
	return signal.Integer(n)
}
