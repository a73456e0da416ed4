package daemon

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/admin"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/reconcile"
	"github.com/banyanrun/banyan/internal/telemetry"
	"github.com/banyanrun/banyan/internal/telemetry/alert"
	"github.com/banyanrun/banyan/internal/telemetry/filter"
	"github.com/banyanrun/banyan/internal/telemetry/graph"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
	"github.com/banyanrun/banyan/internal/telemetry/store"
)

// seenTelemetry is what the doors see of telemetry.
type seenTelemetry struct{ daemon *daemon }

var _ admin.Telemetry = seenTelemetry{}

// room returns what is kept, or why there is nothing.
func (t seenTelemetry) room(ctx context.Context) (*telemetryRoom, error) {
	return t.daemon.telemetry, t.daemon.telemetry.ready(ctx)
}

// asked returns what is kept and the filter with which it is searched.
func (t seenTelemetry) asked(ctx context.Context, text string, of filter.Signal) (*telemetryRoom, *filter.Filter, error) {
	r, err := t.room(ctx)
	if err != nil {
		return nil, nil, err
	}
	f, err := filter.Parse(text, of)
	return r, f, err
}

// SearchTraces implements admin.Telemetry.
func (t seenTelemetry) SearchTraces(ctx context.Context, text string, q store.TraceQuery) (*store.TraceResult, error) {
	r, f, err := t.asked(ctx, text, filter.Spans)
	if err != nil {
		return nil, err
	}
	q.Match = f
	return r.store.SearchTraces(ctx, q)
}

// Trace implements admin.Telemetry.
func (t seenTelemetry) Trace(ctx context.Context, id signal.TraceID) ([]signal.Span, []signal.Log, bool, error) {
	spans, logs, cut, err := t.TraceOf(ctx, id)
	if err == nil && len(spans)+len(logs) == 0 {
		err = fault.New(fault.NotFound, "nothing is kept of trace %s", id).
			Fix("a span is there a second after it has ended; of what is old only a sample is kept")
	}
	return spans, logs, cut, err
}

// TraceOf returns what is kept of a trace, which may be nothing; cut: there is more.
func (t seenTelemetry) TraceOf(ctx context.Context, id signal.TraceID) (spans []signal.Span, logs []signal.Log, cut bool, err error) {
	r, err := t.room(ctx)
	if err != nil {
		return nil, nil, false, err
	}
	spans, cut, err = r.store.Trace(ctx, id)
	if err != nil {
		return nil, nil, false, err
	}
	logs, more, err := r.store.LogsOf(ctx, id)
	return spans, logs, cut || more, err
}

// SearchLogs implements admin.Telemetry.
func (t seenTelemetry) SearchLogs(ctx context.Context, text string, q store.LogQuery) (*store.LogResult, error) {
	r, f, err := t.asked(ctx, text, filter.Logs)
	if err != nil {
		return nil, err
	}
	q.Match = f
	return r.store.SearchLogs(ctx, q)
}

// CountLogs implements admin.Telemetry.
func (t seenTelemetry) CountLogs(ctx context.Context, text string, q store.CountQuery) (*store.CountResult, error) {
	r, f, err := t.asked(ctx, text, filter.Logs)
	if err != nil {
		return nil, err
	}
	q.Match = f
	return r.store.CountLogs(ctx, q)
}

// TailLogs implements admin.Telemetry.
func (t seenTelemetry) TailLogs(ctx context.Context, text string, last int, show func([]signal.Log, int64) error) error {
	r, f, err := t.asked(ctx, text, filter.Logs)
	if err != nil {
		return err
	}
	tail := r.engine.Follow(f)
	defer tail.Close()
	earlier, err := r.earlier(ctx, f, last)
	if err != nil {
		return err
	}
	if err := show(earlier, 0); err != nil {
		return err
	}
	// What came while the earlier ones were looked for may be among them.
	ready, missed := tail.Ready()
	if ready = unseen(earlier, ready); len(ready) > 0 {
		if err := show(ready, missed); err != nil {
			return err
		}
	}
	for {
		logs, missed, err := tail.Next(ctx)
		if err == nil {
			err = show(logs, missed)
		}
		if err != nil {
			return err
		}
	}
}

// earlier returns the last records that match, the oldest first.
func (r *telemetryRoom) earlier(ctx context.Context, f *filter.Filter, last int) ([]signal.Log, error) {
	if last <= 0 {
		return nil, nil
	}
	found, err := r.store.SearchLogs(ctx, store.LogQuery{To: math.MaxInt64, Match: f, Limit: last})
	if err != nil {
		return nil, err
	}
	slices.Reverse(found.Logs)
	return found.Logs, nil
}

// unseen are those of logs that are not among earlier ones.
func unseen(earlier, logs []signal.Log) []signal.Log {
	type record struct {
		time           int64
		instance, text string
	}
	of := func(l *signal.Log) record {
		return record{l.Time, l.Resource.Service + "\x00" + l.Resource.Instance, l.Text}
	}
	seen := map[record]int{}
	for i := range earlier {
		seen[of(&earlier[i])]++
	}
	return slices.DeleteFunc(logs, func(l signal.Log) bool {
		key := of(&l)
		if seen[key] == 0 {
			return false
		}
		seen[key]--
		return true
	})
}

// Complete implements admin.Telemetry.
func (t seenTelemetry) Complete(ctx context.Context, of filter.Signal, text string, at int) filter.Completion {
	return filter.Complete(text, at, of, knownFields{ctx, t})
}

// knownFields is what records have, for completion.
type knownFields struct {
	ctx context.Context //nolint:containedctx // of one call
	of  seenTelemetry
}

// suggestedMost bounds the names and values that are looked up.
const suggestedMost = 200

var storeKinds = map[filter.Signal]store.Kind{filter.Spans: store.Spans, filter.Logs: store.Logs}

// Keys implements filter.Source.
func (k knownFields) Keys(of filter.Signal) []string {
	r, err := k.of.room(k.ctx)
	if err != nil {
		return nil
	}
	names, err := r.store.Fields(k.ctx, storeKinds[of], "", suggestedMost)
	if err != nil {
		return nil // it is an offer, no answer
	}
	return names
}

// Values implements filter.Source.
func (k knownFields) Values(of filter.Signal, field string) []string {
	r, err := k.of.room(k.ctx)
	if err != nil {
		return nil
	}
	values, err := r.store.Values(k.ctx, storeKinds[of], field, "", suggestedMost)
	if err != nil {
		return nil // as above
	}
	return values
}

// mapNow is how long a time may be over whose map shows services as they are now.
const mapNow = 15 * time.Second

// Map implements admin.Telemetry.
func (t seenTelemetry) Map(ctx context.Context, from, to time.Time) (*graph.Map, error) {
	r, err := t.room(ctx)
	if err != nil {
		return nil, err
	}
	var services []model.ServiceStatus
	if time.Since(to) < mapNow {
		err = t.daemon.loop.Read(ctx, func(desired reconcile.Desired, obs *model.Observed, plan reconcile.Plan) {
			services = reconcile.Summarize(desired, obs, plan)
		})
		if err != nil {
			return nil, err
		}
	}
	return graph.Draw(ctx, r.metrics, t.daemon.current().app, services, from, to)
}

// Alerts implements admin.Telemetry.
func (t seenTelemetry) Alerts(ctx context.Context) ([]alert.RuleStatus, error) {
	if _, err := t.room(ctx); err != nil {
		return nil, err
	}
	return t.daemon.alertRules(), nil
}

var storeNames = map[store.Kind]string{store.Spans: "spans", store.Logs: "logs"}

// Kept implements admin.Telemetry.
func (t seenTelemetry) Kept(ctx context.Context) (admin.Kept, error) {
	r, err := t.room(ctx)
	if err != nil {
		return admin.Kept{}, err
	}
	stores := r.store.Status()
	m := r.metrics.Status()
	k := admin.Kept{Drops: r.lost(stores, &m), Receivers: t.daemon.receivers()}
	drop := func(where, reason string, n int64) {
		if n > 0 {
			k.Drops = append(k.Drops, telemetry.Drop{Where: where, Reason: reason, Count: n})
		}
	}
	for _, s := range stores {
		k.Stores = append(k.Stores, keepOf(&s))
		drop("sampled", storeNames[s.Kind]+" of ordinary traces that are old", s.Sampled)
		drop("disk", storeNames[s.Kind]+" made room for newer ones", s.Removed)
	}
	k.Stores = append(k.Stores, admin.Keep{
		Name: "metrics", Records: int64(min(m.Series, math.MaxInt64)), Bytes: m.Bytes, Limit: m.Limit,
		TakenIn: int64(min(m.Appended, math.MaxInt64)),
		Oldest:  since1970(m.Oldest * int64(time.Millisecond)), Err: cmp.Or(m.Damage...),
	})
	for reason, n := range m.Dropped {
		if !slices.Contains(lostMetrics, reason) {
			drop("metrics", reason, int64(min(n, math.MaxInt64)))
		}
	}
	slices.SortFunc(k.Drops, func(a, b telemetry.Drop) int {
		return cmp.Or(cmp.Compare(a.Where, b.Where), cmp.Compare(a.Reason, b.Reason))
	})
	return k, nil
}

// lostMetrics are the reasons of metrics' store that are no fault of a sample.
var lostMetrics = []string{metrics.DroppedSeries, metrics.DroppedDisk, metrics.DroppedUnwritten}

// lost is what should have been kept and was not, by the stores or before them.
func (r *telemetryRoom) lost(stores []store.Status, m *metrics.Status) []telemetry.Drop {
	all := r.engine.Drops()
	if n := min(r.lostSpans.Load(), math.MaxInt64); n > 0 {
		all = append(all, telemetry.Drop{Where: "dataplane", Reason: "not taken in time", Count: int64(n)})
	}
	for _, s := range stores {
		if s.Dropped > 0 {
			all = append(all, telemetry.Drop{Where: "disk", Reason: storeNames[s.Kind] + " could not be kept", Count: s.Dropped})
		}
	}
	return slices.Concat(all, notTaken(m), r.unsent())
}

// notTaken is what metrics' store did not take, though nothing was wrong with it.
func notTaken(m *metrics.Status) []telemetry.Drop {
	var all []telemetry.Drop
	add := func(reason string, n uint64) {
		if n > 0 {
			all = append(all, telemetry.Drop{Where: "metrics", Reason: reason, Count: int64(min(n, math.MaxInt64))})
		}
	}
	for service, n := range m.Refused {
		add("too many series of "+service, n)
	}
	add(metrics.DroppedDisk, m.Dropped[metrics.DroppedDisk])
	add(metrics.DroppedUnwritten, m.Dropped[metrics.DroppedUnwritten])
	return all
}

func keepOf(s *store.Status) admin.Keep {
	k := admin.Keep{
		Name: storeNames[s.Kind], Records: s.Records, Bytes: s.Bytes, Limit: s.Limit, TakenIn: s.TakenIn,
		Oldest: since1970(s.Oldest), SampledBefore: since1970(s.SampledBefore),
	}
	if err := errors.Join(append([]error{s.Err}, s.Damage...)...); err != nil {
		k.Err = err.Error()
	}
	return k
}

// since1970 is a time in nanoseconds; zero: none.
func since1970(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

// rulesOf is alertRules for the Prometheus API.
type rulesOf struct{ daemon *daemon }

// Rules implements promapi.Rules.
func (r rulesOf) Rules() []alert.RuleStatus { return r.daemon.alertRules() }
