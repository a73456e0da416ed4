package jaeger

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// The tags that stand for what OpenTelemetry has beside attributes, as its
// specification of the translation to Jaeger names them.
const (
	tagError       = "error"
	tagKind        = "span.kind"
	tagStatus      = "otel.status_code"
	tagDescription = "otel.status_description"
	tagScope       = "otel.scope.name"
	tagLibrary     = "otel.library.name" // an older name of it
	tagVersion     = "otel.scope.version"
	tagState       = "w3c.tracestate"
	tagInstance    = "service.instance.id"
	tagRevision    = "banyan.revision"
	fieldEvent     = "event"
)

// The members of these are Jaeger's.
type (
	trace struct {
		ID        string             `json:"traceID"`
		Spans     []span             `json:"spans"`
		Processes map[string]process `json:"processes"`
		Warnings  []string           `json:"warnings"`
	}
	span struct {
		Trace      string      `json:"traceID"`
		ID         string      `json:"spanID"`
		Flags      int         `json:"flags"`
		Name       string      `json:"operationName"`
		References []reference `json:"references"`
		Start      int64       `json:"startTime"` // µs since 1970
		Duration   int64       `json:"duration"`  // µs
		Tags       []tag       `json:"tags"`
		Logs       []event     `json:"logs"`
		Process    string      `json:"processID"`
		Warnings   []string    `json:"warnings"`
	}
	reference struct {
		Type  string `json:"refType"`
		Trace string `json:"traceID"`
		Span  string `json:"spanID"`
	}
	process struct {
		Service string `json:"serviceName"`
		Tags    []tag  `json:"tags"`
	}
	event struct {
		Time   int64 `json:"timestamp"` // µs since 1970
		Fields []tag `json:"fields"`
	}
	tag struct {
		Key   string `json:"key"`
		Type  string `json:"type"`
		Value any    `json:"value"`
	}
)

const sampled = 1

// traceOf writes spans, of which there is one at least, as a trace.
func traceOf(spans []signal.Span, cut bool) trace {
	t := trace{ID: spans[0].Trace.String(), Spans: make([]span, 0, len(spans)), Processes: map[string]process{}}
	if cut {
		t.Warnings = append(t.Warnings, fmt.Sprintf("the trace has more than these %d spans", len(spans)))
	}
	processes := processes{all: t.Processes, byText: map[string]string{}, byResource: map[*signal.Resource]string{}}
	for i := range spans {
		s := &spans[i]
		t.Spans = append(t.Spans, span{
			Trace: t.ID, ID: s.ID.String(), Flags: sampled, Name: s.Name, References: referencesOf(s),
			Start: micros(s.Start), Duration: micros(s.Duration()), Tags: spanTags(s), Logs: eventsOf(s.Events),
			Process: processes.id(s.Resource),
		})
	}
	return t
}

func micros(ns int64) int64 { return ns / int64(time.Microsecond) }

// processes gives each resource of a trace an id: resources that say the same are
// one, wherever they were read.
type processes struct {
	all        map[string]process
	byText     map[string]string
	byResource map[*signal.Resource]string
}

func (p *processes) id(r *signal.Resource) string {
	if id, ok := p.byResource[r]; ok {
		return id
	}
	made := process{Service: r.Service, Tags: append(texts(tagInstance, r.Instance, tagRevision, r.Revision), tagsFrom(r.Attrs)...)}
	key := fmt.Sprintf("%q", made)
	id, ok := p.byText[key]
	if !ok {
		id = "p" + strconv.Itoa(len(p.all)+1)
		p.all[id], p.byText[key] = made, id
	}
	p.byResource[r] = id
	return id
}

func referencesOf(s *signal.Span) []reference {
	all := make([]reference, 0, 1+len(s.Links))
	if !s.Parent.IsZero() {
		all = append(all, reference{"CHILD_OF", s.Trace.String(), s.Parent.String()})
	}
	for _, l := range s.Links {
		all = append(all, reference{"FOLLOWS_FROM", l.Trace.String(), l.Span.String()})
	}
	return all
}

func spanTags(s *signal.Span) []tag {
	all := tagsFrom(s.Attrs)
	all = append(all, texts(tagKind, match.KindName(s.Kind), tagScope, s.Scope.Name, tagVersion, s.Scope.Version, tagState, s.State)...)
	switch s.Status {
	case signal.StatusOK:
		all = append(all, texts(tagStatus, "OK")...)
	case signal.StatusError:
		all = append(all, tag{tagError, "bool", true})
		all = append(all, texts(tagStatus, "ERROR", tagDescription, s.Message)...)
	case signal.StatusUnset:
	}
	return all
}

func eventsOf(events []signal.Event) []event {
	all := make([]event, 0, len(events))
	for _, e := range events {
		all = append(all, event{micros(e.Time), append(texts(fieldEvent, e.Name), tagsFrom(e.Attrs)...)})
	}
	return all
}

// texts are tags of pairs of keys and texts, without those that are empty.
func texts(pairs ...string) []tag {
	all := make([]tag, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			all = append(all, tag{pairs[i], "string", pairs[i+1]})
		}
	}
	return all
}

func tagsFrom(attrs signal.Attrs) []tag {
	all := make([]tag, 0, len(attrs)+6)
	for _, a := range attrs {
		all = append(all, tagOf(a.Key, a.Value))
	}
	return all
}

// safest is the greatest number that JavaScript reads as it is written.
const safest = 1<<53 - 1

func tagOf(key string, v signal.Value) tag {
	switch v.Type {
	case signal.Int:
		if n := int64(v.Num); n < -safest || n > safest {
			return tag{key, "int64", v.String()}
		}
		return tag{key, "int64", int64(v.Num)}
	case signal.Double:
		if f := math.Float64frombits(v.Num); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return tag{key, "float64", f}
		}
	case signal.Bool:
		return tag{key, "bool", v.Num != 0}
	case signal.String, signal.JSON:
	}
	return tag{key, "string", v.String()}
}

// isKind reports whether a text is a kind's name.
func isKind(text string) bool {
	for k := signal.KindInternal; k <= signal.KindConsumer; k++ {
		if match.KindName(k) == text {
			return true
		}
	}
	return false
}
