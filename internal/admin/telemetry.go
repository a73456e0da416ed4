package admin

import (
	"context"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry"
	"github.com/banyanrun/banyan/internal/telemetry/alert"
	"github.com/banyanrun/banyan/internal/telemetry/filter"
	"github.com/banyanrun/banyan/internal/telemetry/graph"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
	"github.com/banyanrun/banyan/internal/telemetry/store"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
	"github.com/banyanrun/banyan/proto/banyan/v1/banyanv1connect"
)

// Telemetry is what the API needs of what was seen. Its methods are safe for
// concurrent use; their errors are fault.Errors. Filters are texts; the Match of
// queries is set by them.
type Telemetry interface {
	SearchTraces(ctx context.Context, filter string, q store.TraceQuery) (*store.TraceResult, error)
	// Trace returns a trace's spans and logs, the earliest first; cut: there are more.
	Trace(ctx context.Context, id signal.TraceID) (spans []signal.Span, logs []signal.Log, cut bool, err error)
	SearchLogs(ctx context.Context, filter string, q store.LogQuery) (*store.LogResult, error)
	CountLogs(ctx context.Context, filter string, q store.CountQuery) (*store.CountResult, error)
	// TailLogs calls show with the last records that match and then with those that
	// come, until ctx ends or show returns an error, which is returned. The first call
	// comes at once, also without records.
	TailLogs(ctx context.Context, filter string, last int, show func(logs []signal.Log, missed int64) error) error
	Complete(ctx context.Context, of filter.Signal, text string, at int) filter.Completion
	Map(ctx context.Context, from, to time.Time) (*graph.Map, error)
	Alerts(ctx context.Context) ([]alert.RuleStatus, error)
	Kept(ctx context.Context) (Kept, error)
}

// Kept is what is kept of telemetry, and what was lost.
type Kept struct {
	Stores    []Keep
	Drops     []telemetry.Drop
	Receivers []string // URLs
}

// Keep is how one of the stores is: spans, logs or metrics.
type Keep struct {
	Name                           string
	Records, Bytes, Limit, TakenIn int64
	Oldest, SampledBefore          time.Time // zero: there is none
	Err                            string
}

// TelemetryHandler returns the TelemetryService and the path that it is served at.
// Whoever mounts it decides who may ask.
func TelemetryHandler(t Telemetry, options ...connect.HandlerOption) (string, http.Handler) {
	return banyanv1connect.NewTelemetryServiceHandler(&telemetryHandler{t}, options...)
}

// NewTelemetry returns the handler itself.
func NewTelemetry(t Telemetry) banyanv1connect.TelemetryServiceHandler { return &telemetryHandler{t} }

// telemetryHandler answers the calls of the TelemetryService.
type telemetryHandler struct {
	engine Telemetry
}

var _ banyanv1connect.TelemetryServiceHandler = (*telemetryHandler)(nil)

// Bounds and defaults of the contract.
const (
	tracesDefault, tracesMost   = 50, 1000
	logsDefault, logsMost       = 200, 5000
	bucketsDefault, bucketsMost = 60, 500
	lastMost                    = 1000
	searchSpan                  = time.Hour
	mapSpan                     = 5 * time.Minute
)

// window returns the times of a request; to defaults to now, from to so much before.
func window(from, to *timestamppb.Timestamp, back time.Duration) (time.Time, time.Time, error) {
	end := time.Now()
	if to != nil {
		end = to.AsTime()
	}
	begin := end.Add(-back)
	if from != nil {
		begin = from.AsTime()
	}
	if !begin.Before(end) {
		return begin, end, wire(fault.New(fault.Invalid, "the time ends (%s) before it begins (%s)", end.UTC().Format(time.RFC3339), begin.UTC().Format(time.RFC3339)).
			Fix("exchange from and to"))
	}
	return begin, end, nil
}

// atMost is n within bounds; 0 stands for the default.
func atMost(n int32, usual, most int) int {
	if n <= 0 {
		return usual
	}
	return min(int(n), most)
}

func (h *telemetryHandler) SearchTraces(ctx context.Context, r *banyanv1.SearchTracesRequest) (*banyanv1.SearchTracesResponse, error) {
	from, to, err := window(r.GetFrom(), r.GetTo(), searchSpan)
	if err != nil {
		return nil, err
	}
	found, err := h.engine.SearchTraces(ctx, r.GetFilter(), store.TraceQuery{
		From: from.UnixNano(), To: to.UnixNano(), Limit: atMost(r.GetLimit(), tracesDefault, tracesMost), SlowestFirst: r.GetSlowestFirst(),
	})
	if err != nil {
		return nil, wire(err)
	}
	answer := &banyanv1.SearchTracesResponse{More: found.More, ScannedSpans: found.Records, ScannedBlocks: int32(found.Blocks)}
	for i := range found.Traces {
		answer.Traces = append(answer.Traces, traceSummary(&found.Traces[i]))
	}
	return answer, nil
}

func (h *telemetryHandler) GetTrace(ctx context.Context, r *banyanv1.GetTraceRequest) (*banyanv1.GetTraceResponse, error) {
	id, ok := signal.ParseTraceID(r.GetTraceId())
	if !ok {
		return nil, wire(fault.New(fault.Invalid, "%.60q is not the id of a trace", r.GetTraceId()).Fix("it has 32 hexadecimal digits"))
	}
	spans, logs, cut, err := h.engine.Trace(ctx, id)
	if err != nil {
		return nil, wire(err)
	}
	answer := &banyanv1.GetTraceResponse{Cut: cut}
	for i := range spans {
		answer.Spans = append(answer.Spans, spanOf(&spans[i]))
	}
	answer.Logs = logEntries(logs)
	return answer, nil
}

func (h *telemetryHandler) SearchLogs(ctx context.Context, r *banyanv1.SearchLogsRequest) (*banyanv1.SearchLogsResponse, error) {
	from, to, err := window(r.GetFrom(), r.GetTo(), searchSpan)
	if err != nil {
		return nil, err
	}
	found, err := h.engine.SearchLogs(ctx, r.GetFilter(), store.LogQuery{
		From: from.UnixNano(), To: to.UnixNano(), Limit: atMost(r.GetLimit(), logsDefault, logsMost),
		OldestFirst: r.GetOldestFirst(), Cursor: r.GetCursor(),
	})
	if err != nil {
		return nil, wire(err)
	}
	return &banyanv1.SearchLogsResponse{
		Logs: logEntries(found.Logs), Next: found.Next, ScannedLogs: found.Records, ScannedBlocks: int32(found.Blocks),
	}, nil
}

func (h *telemetryHandler) TailLogs(ctx context.Context, r *banyanv1.TailLogsRequest, stream *connect.ServerStream[banyanv1.TailLogsResponse]) error {
	err := h.engine.TailLogs(ctx, r.GetFilter(), min(max(int(r.GetLast()), 0), lastMost), func(logs []signal.Log, missed int64) error {
		return stream.Send(Tailed(logs, missed))
	})
	if err != nil {
		return ended(err)
	}
	return nil
}

func (h *telemetryHandler) CountLogs(ctx context.Context, r *banyanv1.CountLogsRequest) (*banyanv1.CountLogsResponse, error) {
	from, to, err := window(r.GetFrom(), r.GetTo(), searchSpan)
	if err != nil {
		return nil, err
	}
	found, err := h.engine.CountLogs(ctx, r.GetFilter(), store.CountQuery{
		From: from.UnixNano(), To: to.UnixNano(), Buckets: atMost(r.GetBuckets(), bucketsDefault, bucketsMost), Fields: r.GetFields(),
	})
	if err != nil {
		return nil, wire(err)
	}
	answer := &banyanv1.CountLogsResponse{Step: durationpb.New(time.Duration(found.Step)), Total: found.Total}
	for _, b := range found.Buckets {
		answer.Buckets = append(answer.Buckets, &banyanv1.LogBucket{Start: nanoseconds(b.Start), Counts: b.Counts})
	}
	for _, f := range found.Facets {
		to := &banyanv1.Facet{Field: f.Field}
		for _, v := range f.Values {
			to.Values = append(to.Values, &banyanv1.FacetValue{Value: v.Value, Count: v.Count})
		}
		answer.Facets = append(answer.Facets, to)
	}
	return answer, nil
}

func (h *telemetryHandler) Complete(ctx context.Context, r *banyanv1.CompleteRequest) (*banyanv1.CompleteResponse, error) {
	of := filter.Spans
	if r.GetSignal() == banyanv1.Signal_SIGNAL_LOGS {
		of = filter.Logs
	}
	found := h.engine.Complete(ctx, of, r.GetFilter(), int(r.GetPosition()))
	answer := &banyanv1.CompleteResponse{From: int32(found.From), To: int32(found.To)}
	for _, s := range found.Suggestions {
		answer.Suggestions = append(answer.Suggestions, &banyanv1.Suggestion{Text: s.Text, Kind: s.Kind, Detail: s.Detail})
	}
	if found.Err != nil {
		answer.Error, answer.ErrorAt = found.Err.Error(), int32(found.Err.At)
	}
	return answer, nil
}

func (h *telemetryHandler) GetMap(ctx context.Context, r *banyanv1.GetMapRequest) (*banyanv1.GetMapResponse, error) {
	from, to, err := window(r.GetFrom(), r.GetTo(), mapSpan)
	if err != nil {
		return nil, err
	}
	m, err := h.engine.Map(ctx, from, to)
	if err != nil {
		return nil, wire(err)
	}
	return serviceMap(m), nil
}

func (h *telemetryHandler) ListAlerts(ctx context.Context, _ *banyanv1.ListAlertsRequest) (*banyanv1.ListAlertsResponse, error) {
	rules, err := h.engine.Alerts(ctx)
	if err != nil {
		return nil, wire(err)
	}
	answer := &banyanv1.ListAlertsResponse{}
	for i := range rules {
		if !rules[i].Recording {
			answer.Rules = append(answer.Rules, alertRule(&rules[i]))
		}
	}
	return answer, nil
}

func (h *telemetryHandler) GetTelemetry(ctx context.Context, _ *banyanv1.GetTelemetryRequest) (*banyanv1.GetTelemetryResponse, error) {
	k, err := h.engine.Kept(ctx)
	if err != nil {
		return nil, wire(err)
	}
	answer := &banyanv1.GetTelemetryResponse{Receivers: k.Receivers}
	for _, s := range k.Stores {
		answer.Stores = append(answer.Stores, &banyanv1.StoreStatus{
			Name: s.Name, Records: s.Records, DiskBytes: s.Bytes, LimitBytes: s.Limit, TakenIn: s.TakenIn,
			Oldest: timestamp(s.Oldest), SampledBefore: timestamp(s.SampledBefore), Error: s.Err,
		})
	}
	for _, d := range k.Drops {
		answer.Drops = append(answer.Drops, &banyanv1.DropCount{Where: d.Where, Reason: d.Reason, Count: d.Count})
	}
	return answer, nil
}
