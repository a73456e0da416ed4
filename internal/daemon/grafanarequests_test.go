package daemon

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/dash"
	"github.com/banyanrun/banyan/internal/dash/access"
	"github.com/banyanrun/banyan/internal/dash/audit"
	"github.com/banyanrun/banyan/internal/dash/stream"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
	"github.com/banyanrun/banyan/internal/telemetry/store"
)

// grafanaHost is the name of the dashboard that Grafana asks.
const grafanaHost = "shop-x7k2m4q9.banyan.localhost"

// grafanaRig is a dashboard of an app, with a client that sends what Grafana sends:
// the session's cookie, as a header of the data source, and nothing else of a browser.
type grafanaRig struct {
	t      *testing.T
	base   string
	cookie string
	client *http.Client
	now    time.Time
}

func newGrafanaRig(t *testing.T) *grafanaRig {
	t.Helper()
	now := time.Now()
	log := slog.New(slog.DiscardHandler)
	d := &daemon{log: log, version: "test"}
	d.telemetry = d.newTelemetry()
	var err error
	if d.telemetry.store, err = store.Open(store.Options{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.telemetry.store.Close() }) // what it keeps goes with the directory
	d.telemetry.metrics = shopMetrics(t, now)
	d.layout.Telemetry = t.TempDir()
	d.telemetry.alerts = d.newAlerts(&model.App{})
	close(d.telemetry.opened)
	start := now.Add(-time.Minute).UnixNano()
	trace, _ := signal.ParseTraceID(traceOf)
	spans := []signal.Span{
		{Trace: trace, ID: signal.SpanID{1}, Name: "GET /", Kind: signal.KindServer, Start: start, End: start + 3e6, Resource: &signal.Resource{Service: "web"}, Scope: signal.Scope{Name: signal.ScopeDataPlane}},
		{Trace: trace, ID: signal.SpanID{2}, Parent: signal.SpanID{1}, Name: "GET pay", Kind: signal.KindServer, Start: start + 1e6, End: start + 2e6, Resource: &signal.Resource{Service: "pay"}, Status: signal.StatusError},
	}
	if err := d.telemetry.store.AppendSpans(spans); err != nil {
		t.Fatal(err)
	}
	actions, err := audit.Open(filepath.Join(t.TempDir(), "actions.log"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = actions.Close() }) // it is not read
	board := dash.New(dash.Options{
		App: func() string { return "shop" }, Version: "test", Boot: "b", Prometheus: d.promHandler(), Jaeger: d.jaegerHandler(),
		Tokens: access.NewTokens(time.Now), Sessions: access.NewSessions(nowhere{}, nil, time.Now),
		Stream: stream.New("b", nil, nil, log), Audit: actions, Log: log,
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	r := &grafanaRig{t: t, base: "http://" + net.JoinHostPort(grafanaHost, port), now: now}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", listener.Addr().String()) // as /etc/hosts says
	}}
	r.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	opened := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		_ = board.Serve(ctx, dash.Site{Listeners: []net.Listener{listener}, Host: grafanaHost, URL: r.base, Opened: func() { close(opened) }})
	})
	t.Cleanup(func() { cancel(); transport.CloseIdleConnections(); running.Wait() })
	<-opened
	r.enter(board)
	return r
}

// nowhere keeps no sessions.
type nowhere struct{}

func (nowhere) Save(string, access.Session) {}
func (nowhere) Remove(string)               {}

// enter gets the cookie as docs/grafana/README.md says.
func (r *grafanaRig) enter(board *dash.Dash) {
	r.t.Helper()
	link, _, err := board.Invite(access.Viewer)
	if err != nil {
		r.t.Fatal(err)
	}
	res, _ := r.send(http.MethodGet, link, "")
	for _, c := range res.Cookies() {
		r.cookie = c.Name + "=" + c.Value
	}
	if r.cookie == "" {
		r.t.Fatal(res.Status)
	}
}

func (r *grafanaRig) send(method, to, form string) (*http.Response, []byte) {
	r.t.Helper()
	q, err := http.NewRequestWithContext(r.t.Context(), method, to, strings.NewReader(form))
	if err != nil {
		r.t.Fatal(err)
	}
	if method == http.MethodPost {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if r.cookie != "" {
		q.Header.Set("Cookie", r.cookie)
	}
	res, err := r.client.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res, body
}

// resource asks as Grafana's Prometheus source asks for what its editor shows: by
// POST, and by GET where it is answered 405 or 400.
func (r *grafanaRig) resource(path, form string, data any) {
	r.t.Helper()
	res, body := r.send(http.MethodPost, r.base+"/prometheus/"+path, form)
	if res.StatusCode == http.StatusMethodNotAllowed || res.StatusCode == http.StatusBadRequest {
		res, body = r.send(http.MethodGet, r.base+"/prometheus/"+path+"?"+form, "")
	}
	var answer struct {
		Status string          `json:"status"`
		Data   json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || res.StatusCode != http.StatusOK || answer.Status != "success" {
		r.t.Fatalf("%s: %s, %v\n%.500s", path, res.Status, err, body)
	}
	if err := json.Unmarshal(answer.Data, data); err != nil {
		r.t.Fatalf("%s: %v\n%.500s", path, err, body)
	}
}

func (r *grafanaRig) seconds(ago time.Duration) string {
	return strconv.FormatFloat(float64(r.now.Add(-ago).UnixMilli())/1000, 'f', -1, 64)
}

// TestGrafanaMetrics sends what pkg/promlib of Grafana 12 sends, and reads what it reads.
func TestGrafanaMetrics(t *testing.T) {
	r := newGrafanaRig(t)
	type result struct {
		ResultType string            `json:"resultType"`
		Result     []json.RawMessage `json:"result"`
	}
	var got result
	if r.resource("api/v1/query", url.Values{"query": {"1+1"}, "time": {"4"}}.Encode(), &got); got.ResultType != "scalar" { // the health check
		t.Errorf("%+v", got)
	}
	var build struct {
		Version  string            `json:"version"`
		Features map[string]string `json:"features"` // any would make it Mimir
	}
	if r.resource("api/v1/status/buildinfo", "", &build); !strings.HasPrefix(build.Version, "3.") || len(build.Features) > 0 {
		t.Errorf("%+v", build)
	}
	within := url.Values{"start": {r.seconds(time.Hour)}, "end": {r.seconds(0)}}
	var names []string
	if r.resource("api/v1/label/__name__/values", within.Encode()+"&limit=40000", &names); len(names) < 40 {
		t.Error(names)
	}
	if r.resource("api/v1/label/service/values", within.Encode()+"&match[]=banyan_up", &names); strings.Join(names, " ") != "web" {
		t.Error(names)
	}
	if r.resource("api/v1/labels", within.Encode()+"&match[]="+url.QueryEscape(`{__name__="banyan_up"}`), &names); strings.Join(names, " ") != "__name__ instance revision service" {
		t.Error(names)
	}
	var metadata map[string][]struct{ Type, Help string }
	if r.resource("api/v1/metadata", "limit=40000", &metadata); metadata["banyan_up"][0].Type != "gauge" {
		t.Errorf("%+v", metadata)
	}
	var series []map[string]string
	if r.resource("api/v1/series", within.Encode()+"&match[]=banyan_up", &series); len(series) != 1 {
		t.Errorf("%+v", series)
	}
	var rules struct {
		Groups []json.RawMessage `json:"groups"`
	}
	r.resource("api/v1/rules", "", &rules)
	query := url.Values{
		"query": {`histogram_quantile(0.95, sum by (callee) (rate(banyan_request_duration_seconds[1m0s])))`},
		"start": {r.seconds(4 * time.Minute)}, "end": {r.seconds(0)}, "step": {"15"},
	}
	if r.resource("api/v1/query_range", query.Encode(), &got); got.ResultType != "matrix" || len(got.Result) != 1 {
		t.Errorf("%+v", got)
	}
	var exemplars []struct {
		Exemplars []struct {
			Labels map[string]string `json:"labels"`
		} `json:"exemplars"`
	}
	if r.resource("api/v1/query_exemplars", query.Encode(), &exemplars); len(exemplars) == 0 || exemplars[0].Exemplars[0].Labels["trace_id"] != traceOf {
		t.Errorf("%+v", exemplars)
	}
}

// TestGrafanaTraces sends what pkg/tsdb/jaeger of Grafana 12 sends, and reads what it reads.
func TestGrafanaTraces(t *testing.T) {
	r := newGrafanaRig(t)
	get := func(path string, data any) {
		t.Helper()
		res, body := r.send(http.MethodGet, r.base+"/jaeger"+path, "")
		if err := json.Unmarshal(body, &struct {
			Data   any
			Errors []struct {
				Code int
				Msg  string
			}
		}{Data: data}); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v\n%.500s", path, res.Status, err, body)
		}
	}
	type trace struct {
		TraceID   string
		Processes map[string]struct{ ServiceName string }
		Spans     []struct {
			TraceID, SpanID, ProcessID, OperationName string
			StartTime, Duration                       int64
			Flags                                     int
			Logs                                      []struct{ Timestamp int64 }
			References                                []struct{ RefType, SpanID, TraceID string }
			Tags                                      []struct {
				Key, Type string
				Value     any
			}
			Warnings []string
		}
	}
	var names []string
	if get("/api/services", &names); strings.Join(names, " ") != "pay web" { // the health check, too
		t.Error(names)
	}
	if get("/api/services/web/operations", &names); strings.Join(names, " ") != "GET /" {
		t.Error(names)
	}
	micros := func(ago time.Duration) string { return strconv.FormatInt(r.now.Add(-ago).UnixMicro(), 10) }
	search := url.Values{"service": {"pay"}, "tags": {`{"error":"true"}`}, "limit": {"20"}, "start": {micros(time.Hour)}, "end": {micros(0)}}
	var traces []trace
	if get("/api/traces?"+search.Encode(), &traces); len(traces) != 1 || traces[0].TraceID != traceOf || len(traces[0].Spans) != 2 {
		t.Fatalf("%+v", traces)
	}
	millis := strconv.FormatInt(r.now.UnixMilli(), 10)
	get("/api/traces/"+traceOf+"?start="+millis+"&end="+millis, &traces)
	pay := traces[0].Spans[1]
	if pay.References[0].RefType != "CHILD_OF" || traces[0].Processes[pay.ProcessID].ServiceName != "pay" || pay.Duration != 1000 || pay.StartTime < 1e15 {
		t.Errorf("%+v", pay)
	}
	var links []struct {
		Parent, Child string
		CallCount     int
	}
	get("/api/dependencies?endTs="+millis+"&lookback=240000", &links)
	if len(links) != 3 || links[0].Child != "web" || links[0].CallCount == 0 {
		t.Errorf("%+v", links)
	}
	if res, _ := r.send(http.MethodGet, r.base+"/jaeger/api/traces/1234", ""); res.StatusCode != http.StatusNotFound {
		t.Error(res.Status)
	}
}
