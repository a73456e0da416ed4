package loki

import (
	"strconv"
	"strings"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// push is a request, as https://grafana.com/docs/loki/latest/reference/loki-http-api/ has it.
type push struct {
	Streams []*stream `json:"streams"`
}

type stream struct {
	Labels labels  `json:"stream"`
	Values []entry `json:"values"`
}

type labels struct {
	Service string `json:"service_name"`
	Level   string `json:"level,omitempty"`
}

// entry is the time in nanoseconds since 1970, the line, and the structured metadata.
type entry [3]any

// What Loki takes of one line by default.
const (
	metadataMost = 128
	valueMost    = 8 << 10
)

// pushOf puts records that have the same labels into one stream, in their order.
func pushOf(logs []signal.Log) *push {
	p, of := &push{}, map[labels]*stream{}
	for i := range logs {
		l := &logs[i]
		at := labels{Service: l.Resource.Service}
		if l.Severity > 0 {
			at.Level = strings.ToLower(l.Severity.String())
		}
		s := of[at]
		if s == nil {
			s = &stream{Labels: at}
			of[at] = s
			p.Streams = append(p.Streams, s)
		}
		s.Values = append(s.Values, entry{strconv.FormatInt(l.Time, 10), strings.ToValidUTF8(l.Text, "\uFFFD"), metadataOf(l)})
	}
	return p
}

func metadataOf(l *signal.Log) map[string]string {
	all := map[string]string{}
	add := func(key, value string) {
		key = nameOf(key)
		if _, there := all[key]; there || value == "" || len(all) == metadataMost {
			return
		}
		all[key] = strings.ToValidUTF8(value[:min(len(value), valueMost)], "")
	}
	if !l.Trace.IsZero() {
		add("trace_id", l.Trace.String())
	}
	if !l.Span.IsZero() {
		add("span_id", l.Span.String())
	}
	add("instance", l.Resource.Instance)
	add("revision", l.Resource.Revision)
	add("scope_name", l.Scope.Name)
	for _, attrs := range []signal.Attrs{l.Attrs, l.Resource.Attrs} {
		for i := range attrs {
			add(attrs[i].Key, attrs[i].Value.String())
		}
	}
	return all
}

// nameOf makes a label's name of a key, as Loki's own receiver of OTLP does.
func nameOf(key string) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, key)
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}
