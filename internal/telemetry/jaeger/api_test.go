package jaeger

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/filter"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

var now = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

// kept is some traces.
type kept struct {
	spans  map[signal.TraceID][]signal.Span
	order  []signal.TraceID
	asked  []Query
	broken map[signal.TraceID]error
}

func (k *kept) Services(context.Context) ([]string, error) { return []string{"cart", "pay"}, nil }

func (k *kept) Operations(_ context.Context, service string) ([]Operation, error) {
	if service != "a b/c" {
		return nil, nil
	}
	return []Operation{{"GET /", signal.KindServer}, {"GET /", signal.KindClient}, {"charge", signal.KindInternal}}, nil
}

// Search takes what a filter takes, as a store does.
func (k *kept) Search(_ context.Context, q Query) ([]signal.TraceID, error) {
	k.asked = append(k.asked, q)
	f, err := filter.Parse(q.Filter, filter.Spans)
	if err != nil {
		return nil, err
	}
	var found []signal.TraceID
	for _, id := range k.order {
		if len(found) < q.Limit && slices.ContainsFunc(k.spans[id], func(s signal.Span) bool { return f.Span(&s) }) {
			found = append(found, id)
		}
	}
	return found, nil
}

func (k *kept) Trace(_ context.Context, id signal.TraceID) ([]signal.Span, bool, error) {
	return k.spans[id], len(k.spans[id]) > 2, k.broken[id]
}

func (k *kept) Calls(_ context.Context, from, to time.Time) ([]Call, error) {
	n := uint64(to.Sub(from).Milliseconds())
	return []Call{{"gateway", "cart", n}, {"cart", "pay", 2}, {"cart", "mail", 0}}, nil
}

var (
	first  = signal.TraceID{15: 0xab}
	second = signal.TraceID{0: 1, 15: 2}
)

func someTraces() *kept {
	cart := &signal.Resource{Service: "cart", Instance: "cart-1", Revision: "7f", Attrs: signal.Attrs{{Key: "host.name", Value: signal.Text("h")}}}
	again := *cart
	pay := &signal.Resource{Service: "pay"}
	start := now.UnixNano()
	root := signal.Span{
		Trace: first, ID: signal.SpanID{7: 1}, Name: "GET /cart", Kind: signal.KindServer, Start: start, End: start + 2_500_000, Resource: cart,
		Scope: signal.Scope{Name: "lib", Version: "2"}, State: "a=b",
		Attrs: signal.Attrs{
			{Key: "http.response.status_code", Value: signal.Integer(200)}, {Key: "big", Value: signal.Integer(1 << 60)},
			{Key: "share", Value: signal.Number(0.5)}, {Key: "hit", Value: signal.Truth(true)}, {Key: "text", Value: signal.Text("a \"b\"\\ c")},
		},
	}
	call := signal.Span{
		Trace: first, ID: signal.SpanID{7: 2}, Parent: root.ID, Name: "charge", Kind: signal.KindClient, Start: start + 1_000_000, End: start + 2_000_000,
		Resource: pay, Status: signal.StatusError, Message: "no money",
		Events: []signal.Event{{Time: start + 1_500_000, Name: "exception", Attrs: signal.Attrs{{Key: "exception.type", Value: signal.Text("Broke")}}}},
		Links:  []signal.Link{{Trace: second, Span: signal.SpanID{7: 9}}},
	}
	late := signal.Span{Trace: first, ID: signal.SpanID{7: 3}, Parent: root.ID, Name: "log", Start: start, End: start, Resource: &again}
	other := signal.Span{Trace: second, ID: signal.SpanID{7: 9}, Name: "charge", Start: start, End: start + 5e9, Resource: pay, Status: signal.StatusOK}
	return &kept{spans: map[signal.TraceID][]signal.Span{first: {root, call, late}, second: {other}}, order: []signal.TraceID{first, second}}
}

// get answers a request, and reads the answer as a client does.
func get(t *testing.T, k *kept, path string, status int, data any) (total int, problems []problem) {
	t.Helper()
	w := httptest.NewRecorder()
	New(Options{Traces: k, Now: func() time.Time { return now }}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	var answer struct {
		Data   json.RawMessage `json:"data"`
		Total  *int            `json:"total"`
		Limit  *int            `json:"limit"`
		Offset *int            `json:"offset"`
		Errors []problem       `json:"errors"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != status || answer.Total == nil || answer.Limit == nil || answer.Offset == nil ||
		w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%s: %d, %v\n%s", path, w.Code, err, w.Body)
	}
	if data != nil {
		if err := json.Unmarshal(answer.Data, data); err != nil {
			t.Fatalf("%s: %v\n%s", path, err, w.Body)
		}
	}
	return *answer.Total, answer.Errors
}

func TestNames(t *testing.T) {
	k := someTraces()
	var names []string
	if total, _ := get(t, k, "/api/services", 200, &names); total != 2 || !slices.Equal(names, []string{"cart", "pay"}) {
		t.Error(names)
	}
	if get(t, k, "/api/services/a%20b%2Fc/operations", 200, &names); !slices.Equal(names, []string{"GET /", "charge"}) {
		t.Error(names)
	}
	if get(t, k, "/api/services/none/operations", 200, &names); names == nil || len(names) != 0 {
		t.Error(names)
	}
	var operations []map[string]string
	if get(t, k, "/api/operations?service=a+b%2Fc&spanKind=client", 200, &operations); fmt.Sprint(operations) != "[map[name:GET / spanKind:client]]" {
		t.Error(operations)
	}
	_, problems := get(t, k, "/api/operations", 400, nil)
	if len(problems) != 1 || problems[0].Code != 400 || !strings.Contains(problems[0].Message, "'service'") {
		t.Error(problems)
	}
}

func TestDependencies(t *testing.T) {
	k := someTraces()
	var links []struct {
		Parent, Child string
		Count         int `json:"callCount"`
	}
	get(t, k, fmt.Sprintf("/api/dependencies?endTs=%d&lookback=60000", now.UnixMilli()), 200, &links)
	if fmt.Sprint(links) != "[{cart pay 2} {gateway cart 60000}]" {
		t.Error(links)
	}
	get(t, k, "/api/dependencies?service=gateway", 200, &links)
	if len(links) != 1 || links[0].Count != int(lookback.Milliseconds()) {
		t.Error(links)
	}
}

// TestTrace checks each member that Jaeger's UI or Grafana reads.
func TestTrace(t *testing.T) {
	var traces []trace
	get(t, someTraces(), "/api/traces/ab?start=1767322800000&end=1767322800001", 200, &traces) // Grafana sends ms where Jaeger has µs
	if len(traces) != 1 || traces[0].ID != first.String() || len(traces[0].Spans) != 3 || len(traces[0].Warnings) != 1 {
		t.Fatalf("%+v", traces)
	}
	root, call, late := traces[0].Spans[0], traces[0].Spans[1], traces[0].Spans[2]
	processes := traces[0].Processes
	if len(processes) != 2 || processes[root.Process].Service != "cart" || processes[call.Process].Service != "pay" || late.Process != root.Process {
		t.Errorf("%+v", processes)
	}
	if got := fmt.Sprint(processes[root.Process].Tags); got != "[{service.instance.id string cart-1} {banyan.revision string 7f} {host.name string h}]" {
		t.Error(got)
	}
	if root.Start != now.UnixMicro() || root.Duration != 2500 || root.Name != "GET /cart" || root.ID != "0000000000000001" || root.Flags != 1 || len(root.References) != 0 {
		t.Errorf("%+v", root)
	}
	want := "[{http.response.status_code int64 200} {big int64 1152921504606846976} {share float64 0.5} {hit bool true} {text string a \"b\"\\ c}" +
		" {span.kind string server} {otel.scope.name string lib} {otel.scope.version string 2} {w3c.tracestate string a=b}]"
	if got := fmt.Sprint(root.Tags); got != want {
		t.Error(got)
	}
	if got := fmt.Sprint(call.Tags); got != "[{span.kind string client} {error bool true} {otel.status_code string ERROR} {otel.status_description string no money}]" {
		t.Error(got)
	}
	if got := fmt.Sprint(call.References); got != fmt.Sprintf("[{CHILD_OF %s %s} {FOLLOWS_FROM %s 0000000000000009}]", first, root.ID, second) {
		t.Error(got)
	}
	if got := fmt.Sprint(call.Logs); got != fmt.Sprintf("[{%d [{event string exception} {exception.type string Broke}]}]", now.UnixMicro()+1500) {
		t.Error(got)
	}
	_, problems := get(t, someTraces(), "/api/traces/cd", 404, nil)
	if len(problems) != 1 || problems[0].Code != 404 || problems[0].Message != "trace not found" {
		t.Error(problems)
	}
	for _, id := range []string{"xyz", strings.Repeat("a", 33), "0"} {
		get(t, someTraces(), "/api/traces/"+id, 400, nil)
	}
}

// TestListsAreNeverNull: clients go through them without looking.
func TestListsAreNeverNull(t *testing.T) {
	data, err := json.Marshal(traceOf(someTraces().spans[second], false))
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.ReplaceAll(string(data), `"warnings":null`, ""); strings.Contains(text, "null") { // as Jaeger's own
		t.Error(text)
	}
}

func TestSearch(t *testing.T) {
	for query, want := range map[string][]signal.TraceID{
		"":                                 {first, second},
		"service=pay&operation=charge":     {first, second},
		"service=pay&limit=1":              {first},
		"service=cart":                     {first},
		"service=pay&minDuration=1.5s":     {second},
		"service=pay&maxDuration=1ms":      {first},
		"service=ca":                       nil,
		`tags={"error":"true"}`:            {first},
		`tags={"error":"false"}`:           {first, second}, // other spans of it
		`tags={"span.kind":"client"}`:      {first},
		`tags={"otel.status_code":"OK"}`:   {second},
		`tags={"text":"a \"b\"\\ c"}`:      {first},
		`tags={"hit":true,"share":0.5}`:    {first},
		`tags={"host.name":"h"}`:           {first},
		`tags={"service.instance.id":"x"}`: nil,
		`tags=http.response.status_code=200 hit big="1152921504606846976"`: {first},
		"tag=http.response.status_code:200&tag=otel.scope.name:lib":        {first},
		"traceID=" + second.String() + "&traceID=ab":                       {second, first},
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		var traces []trace
		get(t, someTraces(), "/api/traces?"+values.Encode(), 200, &traces)
		if traces == nil {
			t.Errorf("%s: null", query)
		}
		if !slices.EqualFunc(traces, want, func(got trace, want signal.TraceID) bool { return got.ID == want.String() && len(got.Spans) > 0 }) {
			t.Errorf("%s: %d traces", query, len(traces))
		}
	}
}

func TestSearchTimes(t *testing.T) {
	k := someTraces()
	get(t, k, "/api/traces?service=cart&start=1767322000000000&end=1767322800000000&limit=5000", 200, nil)
	get(t, k, "/api/traces?service=cart", 200, nil)
	if q := k.asked[0]; !q.From.Equal(time.Unix(1767322000, 0)) || !q.To.Equal(time.Unix(1767322800, 0)) || q.Limit != tracesMost {
		t.Errorf("%+v", q)
	}
	if q := k.asked[1]; !q.To.Equal(now) || now.Sub(q.From) != searchBack || q.Limit != tracesDefault {
		t.Errorf("%+v", q)
	}
}

func TestMistakes(t *testing.T) {
	for query, part := range map[string]string{
		"start=yesterday":         "'start'",
		"start=99999999999999999": "2262",
		"start=2&end=1":           "after the end",
		"limit=-1":                "'limit'",
		"minDuration=5":           "'minDuration'",
		"maxDuration=-5s":         "'maxDuration'",
		"tags={":                  "'tags'",
		`tags=a="b`:               "closing quote",
		"tags==b":                 "no key",
		"tag=a":                   "'tag'",
		"traceID=xyz":             "'traceID'",
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		_, problems := get(t, someTraces(), "/api/traces?"+values.Encode(), 400, nil)
		if len(problems) != 1 || problems[0].Code != 400 || !strings.Contains(problems[0].Message, part) {
			t.Errorf("%s: %+v", query, problems)
		}
	}
	get(t, someTraces(), "/api/archive/ab", 404, nil)
}

// TestWhatCannotBeRead is told beside what can.
func TestWhatCannotBeRead(t *testing.T) {
	k := someTraces()
	k.broken = map[signal.TraceID]error{first: fault.New(fault.Unavailable, "the disk is gone")}
	var traces []trace
	total, problems := get(t, k, "/api/traces", 200, &traces)
	if total != 1 || len(traces) != 1 || len(problems) != 1 || problems[0].Trace != first.String() || problems[0].Code != http.StatusServiceUnavailable {
		t.Errorf("%d, %+v, %+v", total, traces, problems)
	}
	get(t, k, "/api/traces/ab", http.StatusServiceUnavailable, nil)
}
