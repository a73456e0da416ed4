package promapi

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	promclient "github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/banyanrun/banyan/internal/telemetry/alert"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// start is the time at which tests begin; now is theirs.
var (
	start = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	now   = start.Add(10 * time.Minute)
)

// someRules are rules with one alert that fires.
type someRules struct{}

func (someRules) Rules() []alert.RuleStatus {
	return []alert.RuleStatus{
		{Rule: alert.Rule{Name: "service:requests:rate1m", Recording: true, Expr: "sum(rate(requests_total[1m]))"}, Last: now, Took: time.Millisecond},
		{
			Rule:  alert.Rule{Name: "ServiceDown", Expr: "up == 0", For: time.Minute, Labels: map[string]string{"severity": "critical"}, Summary: "{{ $labels.service }} is down", Shipped: true},
			State: alert.Firing, Last: now, Took: time.Millisecond,
			Active: []alert.Active{{Labels: metrics.Labels{{Name: "alertname", Value: "ServiceDown"}, {Name: "service", Value: "cart"}}, Annotations: map[string]string{"summary": "cart is down"}, State: alert.Firing, Since: start, Fired: now, Value: 0}},
		},
	}
}

// serve has a store with ten minutes of samples.
func serve(t *testing.T) *httptest.Server {
	t.Helper()
	s, err := metrics.Open(metrics.Options{Dir: t.TempDir(), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // what it keeps goes with the directory
	s.Describe("requests_total", metrics.Metadata{Type: "counter", Help: "Requests\nthat \"ended\"."})
	s.Describe("latency_seconds", metrics.Metadata{Type: "histogram", Unit: "seconds", Help: "Time."})
	var samples []metrics.Sample
	for i := range int64(41) {
		ms := start.UnixMilli() + i*15_000
		h := &metrics.Histogram{Count: uint64(3 * i), Sum: float64(4 * i), Positive: metrics.Buckets{Counts: []uint64{uint64(i), uint64(2 * i)}}}
		samples = append(samples,
			metrics.Sample{Labels: metrics.Named("requests_total", "service", "cart", "service.version", "1"), Time: ms, Value: float64(i * 30), Exemplars: []metrics.Exemplar{{Labels: metrics.Labels{{Name: "trace_id", Value: "abc"}}, Value: 1, Time: ms}}},
			metrics.Sample{Labels: metrics.Named("latency_seconds", "service", "cart"), Time: ms, Histogram: h},
			metrics.Sample{Labels: metrics.Named("odd", "is", "nan"), Time: ms, Value: math.NaN()},
			metrics.Sample{Labels: metrics.Named("odd", "is", "inf"), Time: ms, Value: math.Inf(-1)},
		)
	}
	if err := s.Append(t.Context(), samples); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(New(Options{Store: s, Rules: someRules{}, Version: "test", Now: func() time.Time { return now }}))
	t.Cleanup(srv.Close)
	return srv
}

func client(t *testing.T, srv *httptest.Server) promv1.API {
	t.Helper()
	c, err := promclient.NewClient(promclient.Config{Address: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	return promv1.NewAPI(c)
}

func TestClientLibraryQueries(t *testing.T) {
	api := client(t, serve(t))
	for query, want := range map[string]string{
		`sum(rate(requests_total[1m]))`:    `{} => 1.9999999999999998 @[1767323400]`,
		`odd{is="inf"}`:                    `odd{is="inf"} => -Inf @[1767323400]`,
		`odd{is="nan"}`:                    `odd{is="nan"} => NaN @[1767323400]`,
		`2 * 21`:                           `scalar: 42 @[1767323400]`,
		`nothing`:                          ``,
		`histogram_count(latency_seconds)`: `{service="cart"} => 120 @[1767323400]`,
	} {
		v, warnings, err := api.Query(t.Context(), query, now)
		if err != nil || len(warnings) > 0 {
			t.Errorf("%s: %v, %v", query, err, warnings)
			continue
		}
		if v.String() != want {
			t.Errorf("%s\ngot  %s\nwant %s", query, v, want)
		}
	}
	v, _, err := api.QueryRange(t.Context(), `requests_total`, promv1.Range{Start: now.Add(-time.Minute), End: now, Step: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	m, ok := v.(model.Matrix)
	if !ok || len(m) != 1 || len(m[0].Values) != 3 || m[0].Values[2].Value != 1200 || m[0].Metric["service.version"] != "1" {
		t.Errorf("%v", v)
	}
	v, _, err = api.Query(t.Context(), `latency_seconds`, now)
	if err != nil {
		t.Fatal(err)
	}
	vector, ok := v.(model.Vector)
	if !ok || len(vector) != 1 || vector[0].Histogram == nil {
		t.Fatalf("%v", v)
	}
	if h := vector[0].Histogram; h.Count != 120 || h.Sum != 160 || len(h.Buckets) != 2 || h.Buckets[1].Lower != 2 || h.Buckets[1].Upper != 4 || h.Buckets[1].Count != 80 || h.Buckets[1].Boundaries != 0 {
		t.Errorf("%+v", h)
	}
	v, _, err = api.QueryRange(t.Context(), `rate(latency_seconds[1m])`, promv1.Range{Start: now.Add(-time.Minute), End: now, Step: 30 * time.Second})
	if m, ok = v.(model.Matrix); err != nil || !ok || len(m) != 1 || len(m[0].Histograms) != 3 {
		t.Errorf("%v, %v", v, err)
	}
}

func TestClientLibraryLookups(t *testing.T) {
	api := client(t, serve(t))
	ctx := t.Context()
	series, _, err := api.Series(ctx, []string{`{service="cart"}`}, start, now)
	if err != nil || len(series) != 2 {
		t.Errorf("%v, %v", series, err)
	}
	names, _, err := api.LabelNames(ctx, nil, start, now)
	if err != nil || names.String() != "__name__, is, service, service.version" {
		t.Errorf("%v, %v", names, err)
	}
	values, _, err := api.LabelValues(ctx, "__name__", []string{"odd"}, start, now)
	if err != nil || len(values) != 1 || values[0] != "odd" {
		t.Errorf("%v, %v", values, err)
	}
	values, warnings, err := api.LabelValues(ctx, "is", nil, start, now, promv1.WithLimit(1))
	if err != nil || len(values) != 1 || len(warnings) != 1 {
		t.Errorf("%v, %v, %v", values, warnings, err)
	}
	meta, err := api.Metadata(ctx, "", "")
	if err != nil || len(meta) != 2 || meta["requests_total"][0].Type != "counter" {
		t.Errorf("%v, %v", meta, err)
	}
	exemplars, err := api.QueryExemplars(ctx, `rate(requests_total[1m])`, start, now)
	if err != nil || len(exemplars) != 1 || len(exemplars[0].Exemplars) != 41 || exemplars[0].Exemplars[0].Labels["trace_id"] != "abc" {
		t.Errorf("%v, %v", exemplars, err)
	}
	rules, err := api.Rules(ctx, nil)
	if err != nil || len(rules.Groups) != 2 {
		t.Fatalf("%+v, %v", rules, err)
	}
	down, ok := rules.Groups[1].Rules[0].(promv1.AlertingRule)
	if !ok || down.Name != "ServiceDown" || down.State != "firing" || down.Duration != 60 || len(down.Alerts) != 1 || down.Health != "ok" {
		t.Errorf("%+v", rules.Groups[1].Rules[0])
	}
	if r, ok := rules.Groups[0].Rules[0].(promv1.RecordingRule); !ok || r.Name != "service:requests:rate1m" {
		t.Errorf("%+v", rules.Groups[0].Rules[0])
	}
	alerts, err := api.Alerts(ctx)
	if err != nil || len(alerts.Alerts) != 1 || alerts.Alerts[0].Labels["service"] != "cart" || !alerts.Alerts[0].ActiveAt.Equal(start) {
		t.Errorf("%+v, %v", alerts, err)
	}
	info, err := api.Buildinfo(ctx)
	if err != nil || !strings.HasPrefix(info.Version, "3.") {
		t.Errorf("%+v, %v", info, err)
	}
	if info, err := api.Runtimeinfo(ctx); err != nil || info.StartTime.IsZero() {
		t.Errorf("%+v, %v", info, err)
	}
}

// get returns the status and body of an answer.
func get(t *testing.T, method, target string, form url.Values, accept string) (int, string) {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(t.Context(), method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// The texts are what Prometheus 3 answers.
func TestAnswers(t *testing.T) {
	srv := serve(t)
	for _, c := range []struct {
		method, path string
		form         url.Values
		status       int
		want         string
	}{
		{"GET", "/api/v1/query?query=up%7B&time=1", nil, 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:4: parse error: unexpected end of input inside braces"}`},
		{"GET", "/api/v1/query?query=1&time=x", nil, 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"time\": invalid time value for 'time': cannot parse \"x\" to a valid timestamp"}`},
		{"GET", "/api/v1/query?query=1&time=1.5", nil, 200, `{"status":"success","data":{"resultType":"scalar","result":[1.5,"1"]}}`},
		{"POST", "/api/v1/query", url.Values{"query": {"1e300*1e300"}, "time": {"2026-01-02T03:00:00Z"}}, 200, `{"status":"success","data":{"resultType":"scalar","result":[1767322800,"+Inf"]}}`},
		{"GET", "/api/v1/query?query=odd*on()odd&time=1767323400", nil, 422, `{"status":"error","errorType":"execution","error":"the query cannot be evaluated: `},
		{"GET", "/api/v1/query_range?query=1&start=10&end=0&step=1", nil, 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"end\": end timestamp must not be before start time"}`},
		{"GET", "/api/v1/query_range?query=1&start=0&end=10&step=0", nil, 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"step\": zero or negative`},
		{"GET", "/api/v1/query_range?query=1&start=0&end=100000&step=1s", nil, 400, `{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11,000`},
		{"POST", "/api/v1/query_range", url.Values{"query": {"7"}, "start": {"0"}, "end": {"20"}, "step": {"10s"}}, 200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[0,"7"],[10,"7"],[20,"7"]]}]}}`},
		{"GET", "/api/v1/query?query=1&timeout=0.0000001", nil, 503, `{"status":"error","errorType":"timeout"`},
		{"GET", "/api/v1/series?match[]=up{", nil, 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"match[]\": 1:4: parse error: unexpected end of input inside braces"}`},
		{"GET", "/api/v1/series?match[]={x=~%22.*%22}", nil, 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"match[]\": 1:1: parse error: match[] must contain at least one non-empty matcher"}`},
		{"GET", "/api/v1/query_range?query=odd[1m]&start=0&end=1&step=1", nil, 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:1: parse error: invalid expression type`},
		{"GET", "/api/v1/series", nil, 400, `{"status":"error","errorType":"bad_data","error":"no match[] parameter provided"}`},
		{"GET", "/api/v1/labels?start=1", nil, 200, `{"status":"success","data":["__name__","is","service","service.version"]}`},
		{"POST", "/api/v1/labels", url.Values{"match[]": {"nothing"}}, 200, `{"status":"success","data":[]}`},
		{"GET", "/api/v1/label/U__service_2e_version/values", nil, 200, `{"status":"success","data":["1"]}`},
		{"GET", "/api/v1/format_query?query=sum(up)by(x)", nil, 200, `{"status":"success","data":"sum by (x) (up)"}`},
		{"GET", "/api/v1/query?query=sort(odd*0%2B1%20or%20requests_total)&limit=1&time=1767323400", nil, 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"requests_total","service":"cart","service.version":"1"},"value":[1767323400,"1200"]}]},"warnings":["results truncated due to limit"]}`},
		{"GET", "/api/v1/query?query=%22text%22&time=0", nil, 200, `{"status":"success","data":{"resultType":"string","result":[0,"text"]}}`},
		{"GET", "/api/v1/rules?type=x", nil, 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"type\": not supported value \"x\""}`},
		{"GET", "/api/v1/nothing", nil, 404, `{"status":"error","errorType":"not_found"`},
		{"DELETE", "/api/v1/series", nil, 404, `{"status":"error","errorType":"not_found"`},
	} {
		status, got := get(t, c.method, srv.URL+c.path, c.form, "")
		if status != c.status || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %s\ngot  %d %s\nwant %d %s", c.method, c.path, status, got, c.status, c.want)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("%s %s is no JSON: %s", c.method, c.path, got)
		}
	}
}

func TestExposition(t *testing.T) {
	srv := serve(t)
	_, text := get(t, "GET", srv.URL+"/metrics", nil, "")
	for _, want := range []string{
		"# HELP requests_total Requests\\nthat \"ended\".\n# TYPE requests_total counter\nrequests_total{service=\"cart\",service_version=\"1\"} 1200\n",
		"# TYPE latency_seconds histogram\n", `latency_seconds_bucket{service="cart",le="1"} 0`, `latency_seconds_bucket{service="cart",le="2"} 40`, `latency_seconds_bucket{service="cart",le="4"} 120`,
		`latency_seconds_bucket{service="cart",le="+Inf"} 120`, `latency_seconds_sum{service="cart"} 160`, "# TYPE odd untyped\nodd{is=\"inf\"} -Inf\nodd{is=\"nan\"} NaN\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nis missing in\n%s", want, text)
		}
	}
	_, text = get(t, "GET", srv.URL+"/metrics", nil, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
	for _, want := range []string{"# TYPE requests counter\nrequests_total{", "# UNIT latency_seconds seconds\n", "# TYPE odd unknown\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nis missing in\n%s", want, text)
		}
	}
	if !strings.HasSuffix(text, "\n# EOF\n") {
		t.Error("the end is missing")
	}
}

// Prometheus' own program takes what is served.
func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("there is no promtool: apt-get install prometheus")
	}
	srv := serve(t)
	run := func(stdin string, args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, promtool, args...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("promtool %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	if got := run("", "query", "instant", "--time=1767323400", srv.URL, "sum(requests_total)"); !strings.Contains(got, "{} => 1200 @[1767323400]") {
		t.Error(got)
	}
	if got := run("", "query", "range", "--start=1767323340", "--end=1767323400", "--step=30s", srv.URL, "sum by (service) (requests_total)"); !strings.Contains(got, "1200 @[1767323400]") {
		t.Error(got)
	}
	if got := run("", "query", "series", "--match=odd", "--start=1767322800", "--end=1767323400", srv.URL); !strings.Contains(got, `{__name__="odd", is="nan"}`) {
		t.Error(got)
	}
	if got := run("", "query", "labels", "--start=1767322800", "--end=1767323400", srv.URL, "service"); strings.TrimSpace(got) != "cart" {
		t.Error(got)
	}
	_, text := get(t, "GET", srv.URL+"/metrics", nil, "")
	described, _, _ := strings.Cut(text, "# TYPE odd") // which has no HELP, and promtool wants one
	run(described, "check", "metrics")
}
