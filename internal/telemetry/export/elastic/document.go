package elastic

import (
	"math"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/export/point"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// document is what all documents have.
type document struct {
	Time     string   `json:"@timestamp"`
	Service  service  `json:"service"`
	Resource *labels  `json:"resource,omitempty"`
	Labels   texts    `json:"labels,omitempty"`
	Numbers  numbers  `json:"numeric_labels,omitempty"`
	Trace    *id      `json:"trace,omitempty"`
	Scope    *library `json:"scope,omitempty"`
}

type (
	texts   map[string]string
	numbers map[string]float64
)

type service struct {
	Name     string `json:"name"`
	Node     *name  `json:"node,omitempty"`
	Revision string `json:"revision,omitempty"`
}

type name struct {
	Name string `json:"name"`
}

type id struct {
	ID string `json:"id"`
}

// labels are attributes: texts and truths apart from numbers, so that one that is a
// number in one service and a text in another has a field for each.
type labels struct {
	Labels  texts   `json:"labels,omitempty"`
	Numbers numbers `json:"numeric_labels,omitempty"`
}

type library struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// labelMost is how many bytes of a label are sent: Elasticsearch refuses a keyword of
// more than 32,766.
const labelMost = 8 << 10

// keys are made field names: a dot would make an object, which another key may be too.
var keys = strings.NewReplacer(".", "_", "*", "_", `"`, "_")

func labelsOf(attrs signal.Attrs) (l labels) {
	for i := range attrs {
		a := &attrs[i]
		key := keys.Replace(a.Key)
		if key == "" {
			continue
		}
		if f, ok := a.Value.Float(); ok && !math.IsNaN(f) && !math.IsInf(f, 0) {
			if l.Numbers == nil {
				l.Numbers = numbers{}
			}
			if _, there := l.Numbers[key]; !there {
				l.Numbers[key] = f
			}
			continue
		}
		if l.Labels == nil {
			l.Labels = texts{}
		}
		if _, there := l.Labels[key]; !there {
			text := a.Value.String()
			l.Labels[key] = strings.ToValidUTF8(text[:min(len(text), labelMost)], "")
		}
	}
	return l
}

func documentOf(ns int64, r *signal.Resource, scope signal.Scope, attrs signal.Attrs) document {
	of := labelsOf(attrs)
	d := document{Time: time.Unix(0, ns).UTC().Format(time.RFC3339Nano), Service: service{Name: r.Service, Revision: r.Revision}, Labels: of.Labels, Numbers: of.Numbers}
	if r.Instance != "" {
		d.Service.Node = &name{r.Instance}
	}
	if len(r.Attrs) > 0 {
		d.Resource = new(labelsOf(r.Attrs))
	}
	if scope.Name != "" {
		d.Scope = &library{scope.Name, scope.Version}
	}
	return d
}

type spanDocument struct {
	document

	Span   span        `json:"span"`
	Parent *id         `json:"parent,omitempty"`
	Event  outcome     `json:"event"`
	Error  *message    `json:"error,omitempty"`
	Events []happening `json:"events,omitempty"`
	Links  []link      `json:"links,omitempty"`
}

type span struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	Kind string `json:"kind,omitempty"`
}

type outcome struct {
	Duration int64  `json:"duration"` // nanoseconds
	Outcome  string `json:"outcome"`
}

type message struct {
	Message string `json:"message"`
}

type happening struct {
	Time string `json:"@timestamp"`
	Name string `json:"name"`
	labels
}

type link struct {
	Trace id `json:"trace"`
	Span  id `json:"span"`
}

var (
	kinds    = [...]string{"", "internal", "server", "client", "producer", "consumer"}
	outcomes = [...]string{"unknown", "success", "failure"}
)

func spanOf(s *signal.Span) *spanDocument {
	d := &spanDocument{document: documentOf(s.Start, s.Resource, s.Scope, s.Attrs)}
	d.Trace = &id{s.Trace.String()}
	d.Span = span{ID: s.ID.String(), Name: s.Name, Kind: kinds[min(int(s.Kind), len(kinds)-1)]}
	if !s.Parent.IsZero() {
		d.Parent = &id{s.Parent.String()}
	}
	d.Event = outcome{Duration: s.Duration(), Outcome: outcomes[min(int(s.Status), len(outcomes)-1)]}
	if code := d.Numbers["http_response_status_code"]; s.Status == signal.StatusUnset && code > 0 && code < 500 {
		d.Event.Outcome = outcomes[signal.StatusOK]
	}
	if s.Message != "" {
		d.Error = &message{s.Message}
	}
	for i := range s.Events {
		e := &s.Events[i]
		d.Events = append(d.Events, happening{time.Unix(0, e.Time).UTC().Format(time.RFC3339Nano), e.Name, labelsOf(e.Attrs)})
	}
	for i := range s.Links {
		d.Links = append(d.Links, link{id{s.Links[i].Trace.String()}, id{s.Links[i].Span.String()}})
	}
	return d
}

type logDocument struct {
	document

	Message string    `json:"message"`
	Log     *logLevel `json:"log,omitempty"`
	Event   *severity `json:"event,omitempty"`
	Span    *id       `json:"span,omitempty"`
}

type logLevel struct {
	Level string `json:"level"`
}

type severity struct {
	Severity uint8 `json:"severity"`
}

func logOf(l *signal.Log) *logDocument {
	d := &logDocument{document: documentOf(l.Time, l.Resource, l.Scope, l.Attrs), Message: l.Text}
	if l.Severity > 0 {
		d.Log, d.Event = &logLevel{l.Severity.String()}, &severity{uint8(l.Severity)}
	}
	if !l.Trace.IsZero() {
		d.Trace = &id{l.Trace.String()}
	}
	if !l.Span.IsZero() {
		d.Span = &id{l.Span.String()}
	}
	return d
}

type pointDocument struct {
	document

	Metric    metric     `json:"metric"`
	Value     *float64   `json:"value,omitempty"`
	Count     *uint64    `json:"count,omitempty"`
	Sum       *float64   `json:"sum,omitempty"`
	Histogram *histogram `json:"histogram,omitempty"`
	Quantiles []quantile `json:"quantiles,omitempty"`
}

type metric struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Unit string `json:"unit,omitempty"`
}

type quantile struct {
	Quantile float64 `json:"quantile"`
	Value    float64 `json:"value"`
}

func pointOf(p *point.Point) *pointDocument {
	d := &pointDocument{document: documentOf(p.Time, p.Resource, signal.Scope{}, p.Attrs), Metric: metric{p.Metric.Name, p.Metric.Type.String(), p.Metric.Unit}}
	switch p.Metric.Type {
	case point.Gauge, point.Sum:
		d.Value = &p.Value
		return d
	case point.Histogram:
		d.Histogram = explicit(p)
	case point.Exponential:
		d.Histogram = exponential(p)
	case point.Summary:
		for _, q := range p.Quantiles {
			if !math.IsNaN(q.Value) {
				d.Quantiles = append(d.Quantiles, quantile{q.At, q.Value})
			}
		}
	}
	d.Count = &p.Count
	if !math.IsNaN(p.Sum) && !math.IsInf(p.Sum, 0) {
		d.Sum = &p.Sum
	}
	return d
}
