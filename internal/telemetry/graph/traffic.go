package graph

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/route"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// Metrics answers PromQL.
type Metrics interface {
	Query(ctx context.Context, expr string, at time.Time) (*metrics.Result, error)
}

// The least time that rates are made of: metrics are kept each 5 seconds, those of
// topics each 15.
const (
	leastWindow      = 15 * time.Second
	leastTopicWindow = 45 * time.Second
)

// unevenness is how much of a topic's rate may be missing in its publishers', which are
// counted at other moments.
const unevenness = 0.05

// Draw returns the map of a time. Without services, how they were at its end comes
// from the metrics.
func Draw(ctx context.Context, m Metrics, app *model.App, services []model.ServiceStatus, from, to time.Time) (*Map, error) {
	r := &reader{ctx: ctx, metrics: m, drawing: newDrawing(), app: app, at: to, window: max(to.Sub(from), leastWindow)}
	r.drawing.declared(app, services)
	if services == nil {
		r.states()
	}
	r.calls()
	r.window = max(r.window, leastTopicWindow)
	r.topics()
	r.outside()
	return r.drawing.done(), r.err
}

// reader draws what was seen.
type reader struct {
	*drawing

	ctx     context.Context //nolint:containedctx // of one call
	metrics Metrics
	app     *model.App
	at      time.Time
	window  time.Duration
	err     error // the first
}

// rates calls each with the series that an expression has, in which %s is the window.
func (r *reader) rates(expr string, each func(metrics.Series)) {
	if r.err != nil {
		return
	}
	result, err := r.metrics.Query(r.ctx, strings.ReplaceAll(expr, "%s", fmt.Sprintf("[%dms]", r.window.Milliseconds())), r.at)
	if err != nil {
		r.err = err
		return
	}
	for _, s := range result.Series {
		each(s)
	}
}

// states sets how services were. A state is known for minutes after it was left: of
// several the one that was seen last counts.
func (r *reader) states() {
	seen := map[*drawnNode]float64{}
	r.rates(`timestamp(banyan_service_state)`, func(s metrics.Series) {
		for _, kind := range []string{Service, Job} {
			n := r.nodes[kind+":"+s.Labels.Get("service")]
			if at := value(&s); n != nil && at > seen[n] {
				seen[n], n.State = at, s.Labels.Get("state")
			}
		}
	})
}

// value is a series' only number.
func value(s *metrics.Series) float64 {
	if len(s.Points) == 0 || math.IsNaN(s.Points[0].Value) {
		return 0
	}
	return s.Points[0].Value
}

// calls draws what went through the data plane.
func (r *reader) calls() {
	r.rates(`sum by (caller, callee) (rate(banyan_requests_total%s))`, func(s metrics.Series) {
		r.call(&s, func(e *drawnEdge, n *drawnNode, v float64) {
			e.Rates.Requests += v
			n.Rates.Requests += v
		})
	})
	r.rates(`sum by (caller, callee) (rate(banyan_request_errors_total%s))`, func(s metrics.Series) {
		r.call(&s, func(e *drawnEdge, n *drawnNode, v float64) {
			e.Rates.Errors += v
			n.Rates.Errors += v
		})
	})
	r.rates(`sum by (caller, callee) (rate(banyan_request_failures_total{code="call-refused"}%s))`, func(s metrics.Series) {
		r.call(&s, func(e *drawnEdge, n *drawnNode, v float64) {
			e.Refused += v
			e.Rates.Requests = max(0, e.Rates.Requests-v)
			n.Rates.Requests = max(0, n.Rates.Requests-v)
		})
	})
	r.rates(`sum by (caller, callee) (rate(banyan_request_duration_seconds%s))`, func(s metrics.Series) {
		if len(s.Histograms) == 0 {
			return
		}
		r.call(&s, func(e *drawnEdge, n *drawnNode, _ float64) {
			e.times.add(&s.Histograms[0].Distribution)
			n.times.add(&s.Histograms[0].Distribution)
		})
	})
}

// call finds the ends of a series. Deliveries and publishes are drawn by their topics
// instead; what the platform calls beside them are steps of sagas, and in an app with
// sagas what calls the platform starts them.
func (r *reader) call(s *metrics.Series, count func(e *drawnEdge, n *drawnNode, v float64)) {
	caller, callee := s.Labels.Get("caller"), s.Labels.Get("callee")
	v := value(s)
	switch {
	case v == 0 && len(s.Histograms) == 0:
		return
	case callee == route.Platform:
		if r.app != nil && len(r.app.Sagas) > 0 {
			count(r.edge(r.callee(r.app, caller), r.node(Platform, route.Platform), Call), r.node(Platform, route.Platform), v)
		}
		return
	case callee == "" && caller == route.GatewayCaller: // no route was found
		r.fromClients(r.callee(r.app, caller), v, count)
		return
	case callee == "":
		return
	}
	to := r.callee(r.app, callee)
	if caller == route.Platform && r.subscribes(callee) {
		count(&drawnEdge{}, to, v)
		return
	}
	if caller == route.Platform {
		step := r.edge(r.node(Platform, caller), to, Call)
		step.Declared = true
		count(step, to, v)
		return
	}
	from := r.callee(r.app, caller)
	count(r.edge(from, to, Call), to, v)
	if from.Kind == Gateway {
		r.fromClients(from, v, count)
	}
}

// fromClients draws who calls the gateway, of whom nobody is known.
func (r *reader) fromClients(gateway *drawnNode, v float64, count func(e *drawnEdge, n *drawnNode, v float64)) {
	in := r.edge(r.node(Client, "clients"), gateway, Call)
	in.Declared = true
	count(in, gateway, v)
}

func (r *reader) subscribes(service string) bool {
	s := r.service(service)
	return s != nil && s.Spec != nil && len(s.Spec.Subscribes) > 0
}

func (r *reader) service(name string) *model.Service {
	if r.app == nil {
		return nil
	}
	return r.app.Services[name]
}

// topics draws publishes and deliveries.
func (r *reader) topics() {
	r.rates(`sum by (publisher, topic) (rate(banyan_publishes_total%s))`, func(s metrics.Series) {
		if publisher := s.Labels.Get("publisher"); publisher != route.Platform {
			r.edge(r.callee(r.app, publisher), r.node(Topic, s.Labels.Get("topic")), Publish).Rates.Requests += value(&s)
		}
	})
	r.rates(`sum by (topic) (rate(banyan_topic_published_total%s))`, func(s metrics.Series) {
		r.node(Topic, s.Labels.Get("topic")).Rates.Requests += value(&s)
	})
	r.outboxes()
	deliver := func(s *metrics.Series) *drawnEdge {
		return r.edge(r.node(Topic, s.Labels.Get("topic")), r.callee(r.app, s.Labels.Get("service")), Deliver)
	}
	r.rates(`sum by (topic, service) (rate(banyan_subscription_delivered_total%s))`, func(s metrics.Series) {
		if v := value(&s); v > 0 {
			deliver(&s).Rates.Requests += v
		}
	})
	r.rates(`sum by (topic, service) (rate(banyan_subscription_failed_total%s))`, func(s metrics.Series) {
		if v := value(&s); v > 0 {
			e := deliver(&s)
			e.Rates.Requests += v
			e.Rates.Errors += v
		}
	})
}

// outboxes gives what was published by outboxes, of which only the topic is known, to
// the one declared publisher who is not known to have published, if it is one.
func (r *reader) outboxes() {
	silent, rest := map[string][]*drawnEdge{}, map[string]float64{}
	for _, e := range r.edges {
		if e.Kind != Publish {
			continue
		}
		rest[e.To] -= e.Rates.Requests
		if e.Declared && e.Rates.Requests == 0 {
			silent[e.To] = append(silent[e.To], e)
		}
	}
	for topic, edges := range silent {
		all := r.nodes[topic].Rates.Requests
		if unknown := all + rest[topic]; len(edges) == 1 && unknown > all*unevenness {
			edges[0].Rates.Requests = unknown
		}
	}
}

// outside draws what services' own spans say of whom they call outside of the app.
func (r *reader) outside() {
	r.rates(`sum by (service, kind, peer) (rate(banyan_client_calls_total%s))`, func(s metrics.Series) {
		r.peer(&s, func(e *drawnEdge, n *drawnNode, v float64) {
			e.Rates.Requests += v
			n.Rates.Requests += v
		})
	})
	r.rates(`sum by (service, kind, peer) (rate(banyan_client_call_errors_total%s))`, func(s metrics.Series) {
		r.peer(&s, func(e *drawnEdge, n *drawnNode, v float64) {
			e.Rates.Errors += v
			n.Rates.Errors += v
		})
	})
	r.rates(`sum by (service, kind, peer) (rate(banyan_client_call_duration_seconds%s))`, func(s metrics.Series) {
		r.peer(&s, func(e *drawnEdge, n *drawnNode, _ float64) {
			e.times.add(&s.Histograms[0].Distribution)
			n.times.add(&s.Histograms[0].Distribution)
		})
	})
}

// peer finds the ends of a series: a service and what it calls by itself. Its own
// database, if it has one that is declared, is that one by whatever name it is called.
// Services of the app are none: the data plane counts calls of them.
func (r *reader) peer(s *metrics.Series, count func(e *drawnEdge, n *drawnNode, v float64)) {
	v := value(s)
	if v == 0 && (len(s.Histograms) == 0 || s.Histograms[0].Count == 0) {
		return
	}
	service, kind, peer := s.Labels.Get("service"), s.Labels.Get("kind"), s.Labels.Get("peer")
	if kind == Outside && r.service(peer) != nil {
		return
	}
	if own := r.service(service); kind == Database && own != nil && own.Spec != nil && own.Spec.Database != nil {
		name := databaseName(service, own.Spec.Database.Engine)
		if system, _, _ := strings.Cut(peer, "/"); strings.HasSuffix(name, "/"+system) {
			peer = name
		}
	}
	from := r.callee(r.app, service)
	switch kind {
	case Database:
		to := r.node(Database, peer)
		count(r.edge(from, to, Database), to, v)
	case "messaging":
		to := r.node(Outside, peer)
		count(r.edge(from, to, Publish), to, v)
	case "consumer":
		count(r.edge(r.node(Outside, peer), from, Deliver), &drawnNode{}, v)
	default:
		to := r.node(Outside, peer)
		count(r.edge(from, to, Outside), to, v)
	}
}
