package admin

import (
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/telemetry/alert"
	"github.com/banyanrun/banyan/internal/telemetry/graph"
	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
	"github.com/banyanrun/banyan/internal/telemetry/store"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// nanoseconds is a time in nanoseconds since 1970.
func nanoseconds(ns int64) *timestamppb.Timestamp { return timestamppb.New(time.Unix(0, ns)) }

// unlessZero is the text of an id; empty: there is none.
func unlessZero(id interface {
	IsZero() bool
	String() string
}) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

var typeNames = map[signal.Type]string{
	signal.String: "string", signal.Int: "int", signal.Double: "double", signal.Bool: "bool", signal.JSON: "json",
}

func attributes(attrs signal.Attrs) []*banyanv1.Attribute {
	list := make([]*banyanv1.Attribute, len(attrs))
	for i := range attrs {
		a := &attrs[i]
		list[i] = &banyanv1.Attribute{Key: a.Key, Value: a.Value.String(), Type: typeNames[a.Value.Type]}
	}
	return list
}

func spanOf(s *signal.Span) *banyanv1.Span {
	to := &banyanv1.Span{
		TraceId: s.Trace.String(), SpanId: s.ID.String(), ParentId: unlessZero(s.Parent), Name: s.Name, Kind: match.KindName(s.Kind),
		Start: nanoseconds(s.Start), Duration: durationpb.New(time.Duration(s.Duration())),
		Status: match.StatusName(s.Status), Message: s.Message,
		Service: s.Resource.Service, Instance: s.Resource.Instance, Revision: s.Resource.Revision,
		Scope: s.Scope.Name, ScopeVersion: s.Scope.Version, TraceState: s.State,
		Attributes: attributes(s.Attrs), Resource: attributes(s.Resource.Attrs),
	}
	for i := range s.Events {
		e := &s.Events[i]
		to.Events = append(to.Events, &banyanv1.SpanEvent{Time: nanoseconds(e.Time), Name: e.Name, Attributes: attributes(e.Attrs)})
	}
	for i := range s.Links {
		l := &s.Links[i]
		to.Links = append(to.Links, &banyanv1.SpanLink{TraceId: l.Trace.String(), SpanId: l.Span.String(), Attributes: attributes(l.Attrs)})
	}
	return to
}

func logEntries(logs []signal.Log) []*banyanv1.LogEntry {
	list := make([]*banyanv1.LogEntry, len(logs))
	for i := range logs {
		l := &logs[i]
		list[i] = &banyanv1.LogEntry{
			Time: nanoseconds(l.Time), Severity: l.Severity.String(), Text: strings.ToValidUTF8(l.Text, "�"),
			Service: l.Resource.Service, Instance: l.Resource.Instance, Revision: l.Resource.Revision,
			TraceId: unlessZero(l.Trace), SpanId: unlessZero(l.Span), Scope: l.Scope.Name,
			Attributes: attributes(l.Attrs), Resource: attributes(l.Resource.Attrs),
		}
	}
	return list
}

// Tailed is what one who follows the logs is sent.
func Tailed(logs []signal.Log, missed int64) *banyanv1.TailLogsResponse {
	return &banyanv1.TailLogsResponse{Logs: logEntries(logs), Missed: missed}
}

func traceSummary(t *store.TraceSummary) *banyanv1.TraceSummary {
	to := &banyanv1.TraceSummary{
		TraceId: t.Trace.String(), RootService: t.RootService, RootName: t.RootName,
		Start: nanoseconds(t.Start), Duration: durationpb.New(time.Duration(t.End - t.Start)),
		Spans: int32(t.Spans), Errors: int32(t.Errors), Matched: int32(t.Matched),
	}
	for _, s := range t.Services {
		to.Services = append(to.Services, &banyanv1.ServiceCount{Service: s.Service, Spans: int32(s.Spans), Errors: int32(s.Errors)})
	}
	return to
}

func serviceMap(m *graph.Map) *banyanv1.GetMapResponse {
	to := &banyanv1.GetMapResponse{}
	for i := range m.Nodes {
		n := &m.Nodes[i]
		node := &banyanv1.MapNode{Id: n.ID, Kind: n.Kind, Name: n.Name, Owner: n.Owner, Rates: rates(&n.Rates)}
		if n.State != "" {
			node.State = states[model.State(n.State)].String()
		}
		to.Nodes = append(to.Nodes, node)
	}
	for i := range m.Edges {
		e := &m.Edges[i]
		to.Edges = append(to.Edges, &banyanv1.MapEdge{
			From: e.From, To: e.To, Kind: e.Kind, Declared: e.Declared, Rates: rates(&e.Rates), RefusedPerSecond: e.Refused,
		})
	}
	return to
}

func rates(r *graph.Rates) *banyanv1.Rates {
	return &banyanv1.Rates{
		PerSecond: r.Requests, ErrorsPerSecond: r.Errors,
		P50: durationpb.New(r.P50), P95: durationpb.New(r.P95), P99: durationpb.New(r.P99),
	}
}

func alertRule(r *alert.RuleStatus) *banyanv1.AlertRule {
	to := &banyanv1.AlertRule{
		Name: r.Name, Expression: r.Expr, For: durationpb.New(r.For), Severity: r.Labels["severity"],
		Summary: alert.Outline(r.Summary), Description: alert.Outline(r.Description),
		Shipped: r.Shipped, State: string(r.State), Error: r.Error, EvaluatedAt: timestamp(r.Last),
	}
	to.Group = "app"
	if r.Shipped {
		to.Group = "banyan"
	}
	for i := range r.Active {
		a := &r.Active[i]
		to.Alerts = append(to.Alerts, &banyanv1.Alert{
			Labels: a.Labels.Without(metrics.NameLabel).Map(), Summary: a.Annotations["summary"], Description: a.Annotations["description"],
			State: string(a.State), Since: timestamp(a.Since), ResolvedAt: timestamp(a.Ended), Value: a.Value,
		})
	}
	return to
}
