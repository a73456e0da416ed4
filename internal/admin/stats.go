package admin

import (
	"context"
	"strconv"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/banyanrun/banyan/internal/proxy/account"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

func (h *handler) Stats(ctx context.Context, r *banyanv1.StatsRequest) (*banyanv1.StatsResponse, error) {
	s, err := h.engine.Stats(ctx, r.GetService())
	if err != nil {
		return nil, wire(err)
	}
	return stats(&s), nil
}

func stats(s *account.Snapshot) *banyanv1.StatsResponse {
	to := &banyanv1.StatsResponse{Since: timestamp(s.Since), Time: timestamp(s.Taken), Overflow: s.Overflow, Refusals: s.Refusals}
	for i := range s.Edges {
		to.Edges = append(to.Edges, edgeStats(&s.Edges[i]))
	}
	return to
}

func edgeStats(e *account.Edge) *banyanv1.EdgeStats {
	total := e.Total()
	to := &banyanv1.EdgeStats{
		Caller: e.Caller, Callee: e.Callee, Route: e.Route, InFlight: e.InFlight, Total: counters(&total),
	}
	for i := range e.Revisions {
		r := &e.Revisions[i]
		to.Revisions = append(to.Revisions, &banyanv1.RevisionStats{Revision: r.Revision, Counters: counters(&r.Counters)})
	}
	return to
}

func counters(c *account.Counters) *banyanv1.Counters {
	to := &banyanv1.Counters{
		Requests: c.Requests, Statuses: map[string]uint64{}, Codes: c.Codes, Errors: c.Errors, Retries: c.Retries,
		BytesIn: c.BytesIn, BytesOut: c.BytesOut, Latency: latency(&c.Latency), Upstream: latency(&c.Upstream),
	}
	for class, n := range c.Status {
		name := "none"
		if class > 0 {
			name = strconv.Itoa(class) + "xx"
		}
		if n > 0 {
			to.Statuses[name] = n
		}
	}
	return to
}

func latency(h *account.Histogram) *banyanv1.Latency {
	to := &banyanv1.Latency{
		Count: h.Count(), Sum: durationpb.New(h.Sum()),
		P50: durationpb.New(h.Quantile(0.5)), P90: durationpb.New(h.Quantile(0.9)), P99: durationpb.New(h.Quantile(0.99)),
	}
	for b := range h.All() {
		to.Buckets = append(to.Buckets, &banyanv1.Latency_Bucket{From: durationpb.New(b.From), To: durationpb.New(b.To), Count: b.Count})
	}
	return to
}
