package zipkin

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// span is one of Zipkin's, as https://zipkin.io/zipkin-api/zipkin2-api.yaml has it.
type span struct {
	TraceID   string            `json:"traceId"`
	ParentID  string            `json:"parentId,omitempty"`
	ID        string            `json:"id"`
	Kind      string            `json:"kind,omitempty"`
	Name      string            `json:"name,omitempty"`
	Timestamp int64             `json:"timestamp"` // microseconds since 1970
	Duration  int64             `json:"duration"`  // microseconds, at least 1
	Local     endpoint          `json:"localEndpoint"`
	Remote    *endpoint         `json:"remoteEndpoint,omitempty"`
	Events    []annotation      `json:"annotations,omitempty"`
	Tags      map[string]string `json:"tags,omitempty"`
}

type endpoint struct {
	Service string `json:"serviceName"`
}

type annotation struct {
	Timestamp int64  `json:"timestamp"` // microseconds since 1970
	Value     string `json:"value"`
}

var kinds = [...]string{"", "", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"}

// remotes are the attributes that name the other side of a call, the best first, as in
// https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/.
var remotes = []string{"peer.service", "server.address", "net.peer.name", "db.name"}

func spanOf(s *signal.Span) *span {
	const micro = 1000
	out := &span{
		TraceID: s.Trace.String(), ID: s.ID.String(), Name: s.Name, Timestamp: s.Start / micro, Duration: max(1, s.Duration()/micro),
		Local: endpoint{s.Resource.Service}, Tags: tagsOf(s),
	}
	if !s.Parent.IsZero() {
		out.ParentID = s.Parent.String()
	}
	if int(s.Kind) < len(kinds) {
		out.Kind = kinds[s.Kind]
	}
	if s.Kind == signal.KindClient || s.Kind == signal.KindProducer {
		for _, key := range remotes {
			if name := s.Attrs.Text(key); name != "" {
				out.Remote = &endpoint{name}
				break
			}
		}
	}
	for i := range s.Events {
		e := &s.Events[i]
		out.Events = append(out.Events, annotation{e.Time / micro, valueOf(e)})
	}
	return out
}

// tagsOf are all that Zipkin has no field for. An attribute of the span stands before
// one of its resource that is called the same.
func tagsOf(s *signal.Span) map[string]string {
	tags := map[string]string{}
	add := func(key, value string) {
		if _, there := tags[key]; !there && value != "" {
			tags[key] = strings.ToValidUTF8(value, "\uFFFD")
		}
	}
	switch s.Status {
	case signal.StatusError:
		message := s.Message
		if message == "" {
			message = "true"
		}
		add("error", message)
		add("otel.status_code", "ERROR")
	case signal.StatusOK:
		add("otel.status_code", "OK")
	case signal.StatusUnset:
	}
	for i := range s.Attrs {
		if a := &s.Attrs[i]; a.Key != "error" { // Zipkin takes any for a failure
			add(a.Key, a.Value.String())
		}
	}
	add("otel.scope.name", s.Scope.Name)
	add("otel.scope.version", s.Scope.Version)
	add("service.instance.id", s.Resource.Instance)
	add("service.version", s.Resource.Revision)
	for i := range s.Resource.Attrs {
		add(s.Resource.Attrs[i].Key, s.Resource.Attrs[i].Value.String())
	}
	return tags
}

// valueOf is an event's name, with its attributes where it has some.
func valueOf(e *signal.Event) string {
	if len(e.Attrs) == 0 {
		return e.Name
	}
	attrs := map[string]string{}
	for i := range e.Attrs {
		attrs[e.Attrs[i].Key] = e.Attrs[i].Value.String()
	}
	text, _ := json.Marshal(attrs) // texts can always be written
	return strconv.Quote(e.Name) + ": " + string(text)
}
