package cli

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/banyanrun/banyan/internal/cli/view"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
	"github.com/banyanrun/banyan/proto/banyan/v1/banyanv1connect"
)

// fakeTelemetry is what a fakeDaemon answers about what it has seen.
type fakeTelemetry struct {
	banyanv1connect.UnimplementedTelemetryServiceHandler

	calls  chan proto.Message
	traces *banyanv1.SearchTracesResponse
	trace  *banyanv1.GetTraceResponse
	logs   []*banyanv1.LogEntry            // two a page
	tail   chan *banyanv1.TailLogsResponse // nil: the daemon ends
	rules  []*banyanv1.AlertRule
	offers *banyanv1.CompleteResponse
	refuse error

	asked  url.Values
	answer string
	status int
}

func (f *fakeTelemetry) SearchTraces(_ context.Context, req *banyanv1.SearchTracesRequest) (*banyanv1.SearchTracesResponse, error) {
	f.calls <- req
	return f.traces, f.refuse
}

func (f *fakeTelemetry) GetTrace(_ context.Context, req *banyanv1.GetTraceRequest) (*banyanv1.GetTraceResponse, error) {
	f.calls <- req
	return f.trace, f.refuse
}

func (f *fakeTelemetry) SearchLogs(_ context.Context, req *banyanv1.SearchLogsRequest) (*banyanv1.SearchLogsResponse, error) {
	f.calls <- req
	all := slices.Clone(f.logs)
	if !req.GetOldestFirst() {
		slices.Reverse(all)
	}
	from := len(req.GetCursor())
	to := min(from+2, len(all))
	page := &banyanv1.SearchLogsResponse{Logs: all[from:to]}
	if to < len(all) {
		page.Next = strings.Repeat("x", to)
	}
	return page, f.refuse
}

func (f *fakeTelemetry) TailLogs(ctx context.Context, req *banyanv1.TailLogsRequest, stream *connect.ServerStream[banyanv1.TailLogsResponse]) error {
	f.calls <- req
	for {
		select {
		case msg := <-f.tail:
			if msg == nil {
				return connect.NewError(connect.CodeUnavailable, errText("the daemon ends"))
			}
			if err := stream.Send(msg); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *fakeTelemetry) Complete(_ context.Context, req *banyanv1.CompleteRequest) (*banyanv1.CompleteResponse, error) {
	f.calls <- req
	return f.offers, f.refuse
}

func (f *fakeTelemetry) ListAlerts(context.Context, *banyanv1.ListAlertsRequest) (*banyanv1.ListAlertsResponse, error) {
	return &banyanv1.ListAlertsResponse{Rules: f.rules}, f.refuse
}

func (f *fakeTelemetry) prom(w http.ResponseWriter, r *http.Request) {
	f.asked = r.URL.Query()
	f.asked.Set("path", r.PathValue("path"))
	w.WriteHeader(f.status)
	_, _ = w.Write([]byte(f.answer))
}

func TestTraces(t *testing.T) {
	r := newRun(t, true)
	r.d.seen.traces = &banyanv1.SearchTracesResponse{More: true, Traces: []*banyanv1.TraceSummary{{
		TraceId: "4bf92f3577b34da6a3ce929d0e0e4736", RootService: "gateway", RootName: "GET /", Duration: durationpb.New(time.Second), Spans: 3,
	}}}
	r.start("traces", "service=order", "status=error", "--since", "10m", "--limit", "7", "--slowest")
	r.exits(exitOK)
	req := called[*banyanv1.SearchTracesRequest](r)
	if req.GetFilter() != "service=order status=error" || req.GetLimit() != 7 || !req.GetSlowestFirst() || time.Since(req.GetFrom().AsTime()) < 10*time.Minute {
		t.Errorf("it asked for %v", req)
	}
	r.sees(r.out, "4bf92f3577b34da6a3ce929d0e0e4736")
	r.sees(r.err, "there are more; --limit")

	r = newRun(t, true)
	r.d.seen.traces = &banyanv1.SearchTracesResponse{ScannedSpans: 12}
	r.start("traces", "status=error service=pay")
	r.exits(exitOK)
	r.sees(r.out, "no trace of this time has a span that the filter takes; 12 spans were looked at")

	r = newRun(t, true)
	r.d.seen.traces = &banyanv1.SearchTracesResponse{Traces: []*banyanv1.TraceSummary{{TraceId: "ff"}}}
	r.start("traces", "--json")
	r.exits(exitOK)
	r.sees(r.out, `{"trace":"ff"`)
}

func TestTrace(t *testing.T) {
	r := newRun(t, true)
	r.d.seen.trace = &banyanv1.GetTraceResponse{Spans: []*banyanv1.Span{{TraceId: "ff", SpanId: "1", Service: "order", Name: "GET /", Start: timestamppb.Now()}}}
	r.start("trace", "ff")
	r.exits(exitOK)
	r.sees(r.out, "order  GET /")

	r.start("trace", "ff", "--json")
	r.exits(exitOK)
	r.sees(r.out, `"traceId": "ff"`)

	r.d.seen.refuse = connect.NewError(connect.CodeNotFound, errText("trace ff is not kept"))
	r.start("trace", "ff")
	r.exits(exitFailed)
	r.sees(r.err, "banyan: trace ff is not kept\n")
}

func TestTelemetryUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"traces", "duration>5"}, "unknown duration “5” at 10; say of what: 5ms, 5s"},
		{[]string{"traces", "--limit", "1001"}, "--limit 1001 is not from 1 to 1000"},
		{[]string{"traces", "--since", "then"}, `--since "then" is neither a duration`},
		{[]string{"trace"}, "ID is missing"},
		{[]string{"trace", "xyz"}, "ID is not a trace's: it has up to 32 hexadecimal digits"},
		{[]string{"logs", "--filter", "severity=loud"}, "unknown severity “loud” at 10"},
		{[]string{"top", "--interval", "1ms"}, "1ms is no time to look on: 100ms is the least"},
		{[]string{"top", "--sort", "size"}, `--sort "size" is none of name, rate`},
		{[]string{"query"}, "PROMQL is missing"},
		{[]string{"query", "up", "--step", "5s"}, "--step 5s goes with --since"},
		{[]string{"query", "up", "--since", "5m", "--step", "x"}, `--step "x" is no duration like 15s`},
		{[]string{"alerts", "now"}, "it takes no arguments"},
	} {
		r := newRun(t, true)
		r.start(c.args...)
		r.exits(exitUsage)
		r.sees(r.err, c.want)
	}
}

func entries(texts ...string) []*banyanv1.LogEntry {
	var all []*banyanv1.LogEntry
	for i, text := range texts {
		at := time.Date(2026, 11, 21, 14, 0, i, 0, time.UTC)
		all = append(all, &banyanv1.LogEntry{Time: timestamppb.New(at), Service: "order", Severity: "warn", Text: text})
	}
	return all
}

func TestFilteredLogs(t *testing.T) {
	for _, c := range []struct {
		args   []string
		filter string
		shown  string
	}{
		{nil, "severity>=warn", "one two three"},
		{[]string{"order", "--since", "1h"}, `(service="order") (severity>=warn)`, "one two three"},
		{[]string{"order", "user-1", "gateway"}, `(service="order" or service="gateway" or instance="user-1") (severity>=warn)`, "one two three"},
		{[]string{"-n", "1"}, "severity>=warn", "three"},
		{[]string{"--tail", "3"}, "severity>=warn", "one two three"},
	} {
		r := newRun(t, true)
		r.d.set(shop(service("order", banyanv1.State_STATE_READY, ""), service("user", banyanv1.State_STATE_READY, "")))
		r.d.set(func(st *banyanv1.Status) { st.Services[0].Instances = []*banyanv1.Instance{{Id: "user-1"}} })
		r.d.seen.logs = entries("one", "two", "three")
		r.start(append([]string{"logs", "--filter", "severity>=WARN"}, c.args...)...)
		r.exits(exitOK)
		if req := called[*banyanv1.SearchLogsRequest](r); req.GetFilter() != c.filter {
			t.Errorf("%v asked for %v", c.args, req)
		}
		var shown []string
		for l := range strings.Lines(r.out.String()) {
			words := strings.Fields(l)
			shown = append(shown, words[len(words)-1])
		}
		if got := strings.Join(shown, " "); got != c.shown {
			t.Errorf("%v shows %s, not %s", c.args, got, c.shown)
		}
	}
	r := newRun(t, true)
	r.d.seen.logs = entries("one")
	r.start("logs", "--filter", "", "--json")
	r.exits(exitOK)
	r.sees(r.out, `"severity":"warn","service":"order","text":"one"}`)

	r.d.seen.logs = nil
	for _, tail := range []string{"0", "5"} {
		r.start("logs", "--filter", "timeout", "--tail", tail)
		r.exits(exitOK)
		r.sees(r.err, "banyan: the filter takes no record of this time")
	}
}

// What was seen before the daemon ended is not shown again.
func TestFilteredLogsFollow(t *testing.T) {
	r := newRun(t, true)
	r.d.seen.tail = make(chan *banyanv1.TailLogsResponse, 10)
	r.start("logs", "-f", "--filter", "severity>=warn")
	if req := called[*banyanv1.TailLogsRequest](r); req.GetLast() != tailMost || req.GetFilter() != "severity>=warn" {
		t.Errorf("it asked for %v", req)
	}
	all := entries("one", "two", "three")
	r.d.seen.tail <- &banyanv1.TailLogsResponse{Logs: all[:2], Missed: 3}
	r.sees(r.out, "two")
	r.sees(r.err, "banyan: 3 records are left out")
	r.d.seen.tail <- nil
	called[*banyanv1.TailLogsRequest](r)
	r.d.seen.tail <- &banyanv1.TailLogsResponse{Logs: all}
	r.sees(r.out, "three")
	if n := strings.Count(r.out.String(), "one"); n != 1 {
		t.Errorf("what was seen is shown %d times\n%s", n, r)
	}
	r.signals <- nil
	r.exits(exitOK)
}

func TestQuery(t *testing.T) {
	r := newRun(t, true)
	r.d.seen.status, r.d.seen.answer = http.StatusOK, `{"status":"success","data":{"resultType":"scalar","result":[1,"17"]},"warnings":["odd"]}`
	r.start("query", "1+16")
	r.exits(exitOK)
	r.sees(r.out, "17\n")
	r.sees(r.err, "banyan: odd\n")
	if asked := r.d.seen.asked; asked.Get("path") != "query" || asked.Get("query") != "1+16" {
		t.Errorf("it asked for %v", asked)
	}

	r.start("query", "up", "--since", "10m", "--json")
	r.exits(exitOK)
	r.sees(r.out, `"resultType": "scalar"`)
	if asked := r.d.seen.asked; asked.Get("path") != "query_range" || asked.Get("step") != "10" || asked.Get("start") == "" {
		t.Errorf("it asked for %v", asked)
	}

	r.d.seen.status, r.d.seen.answer = http.StatusBadRequest, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:2: parse error: no"}`
	r.start("query", "x(")
	r.exits(exitUsage)
	r.sees(r.err, "banyan: 1:2: parse error: no\n")

	r.d.seen.status, r.d.seen.answer = http.StatusUnprocessableEntity, `{"status":"error","errorType":"timeout","error":"it took too long"}`
	r.start("query", "x")
	r.exits(exitFailed)
	r.sees(r.err, "banyan: it took too long\n")

	r.d.seen.status, r.d.seen.answer = http.StatusNotFound, "404 page not found"
	r.start("query", "x")
	r.exits(exitFailed)
	r.sees(r.err, "the running daemon is another version of Banyan")
}

func TestAlerts(t *testing.T) {
	r := newRun(t, true)
	r.d.seen.rules = []*banyanv1.AlertRule{{Name: "Quiet", State: "inactive"}}
	r.start("alerts")
	r.exits(exitOK)
	r.sees(r.out, "no alert fires (1 rule)\n")
	r.start("alerts", "--all")
	r.exits(exitOK)
	r.sees(r.out, "Quiet")
	r.start("alerts", "--json")
	r.exits(exitOK)
	r.sees(r.out, `"name": "Quiet"`)
}

func TestTop(t *testing.T) {
	r := newRun(t, true)
	r.d.set(shop(service("order", banyanv1.State_STATE_READY, ""), service("user", banyanv1.State_STATE_READY, "")))
	r.d.onStats = counting()
	r.start("top", "--interval", "100ms")
	r.exits(exitOK)
	r.sees(r.out, "SERVICE  STATE")
	r.sees(r.out, "user     ready      1/1      2      0")
}

// On a terminal it is drawn anew until Ctrl-C, also where the daemon dies.
func TestTopOnATerminal(t *testing.T) {
	r := newRun(t, true)
	r.p.size = func() (int, int, bool) { return 100, 4, true }
	r.d.set(shop(service("order", banyanv1.State_STATE_READY, ""), service("user", banyanv1.State_STATE_READY, "")))
	r.d.onStats = counting()
	r.start("top", "--interval", "100ms", "--no-color")
	r.sees(r.out, "\x1b[3A")
	r.signals <- nil
	r.exits(exitOK)
	for _, frame := range strings.Split(r.out.String(), "\x1b[?2026h")[1:] {
		if n := strings.Count(frame, "\n"); n > 3 {
			t.Errorf("%d lines where there is room for 3", n)
		}
		for l := range strings.Lines(frame) {
			if w := view.Width(view.Clean(strings.TrimSuffix(l, "\n"))); w > 100 {
				t.Errorf("%d cells: %s", w, l)
			}
		}
	}
}

func TestCompleteFilter(t *testing.T) {
	r := newRun(t, true)
	r.d.seen.offers = &banyanv1.CompleteResponse{From: 21, To: 23, Suggestions: []*banyanv1.Suggestion{{Text: "error", Detail: "it failed"}, {Text: "ok"}}}
	r.start("__complete", "traces", "service=order", "status=er")
	r.exits(exitOK)
	if req := called[*banyanv1.CompleteRequest](r); req.GetFilter() != "service=order status=er" || req.GetPosition() != 23 || req.GetSignal() != banyanv1.Signal_SIGNAL_TRACES {
		t.Errorf("it asked for %v", req)
	}
	if got := r.out.String(); !strings.HasPrefix(got, "status=error\tit failed\nstatus=ok\n") {
		t.Errorf("it offers %q", got)
	}
}
