package elastic

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/export"
	"github.com/banyanrun/banyan/internal/telemetry/export/point"
	"github.com/banyanrun/banyan/internal/telemetry/export/post"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

func options(url string) Options {
	return Options{
		Options: post.Options{URL: url, Timeout: 5 * time.Second, Expand: func(text string) (string, error) {
			return strings.ReplaceAll(text, "${secret.KEY}", "hunter2"), nil
		}},
		Index: "{signal}-shop-default", APIKey: "${secret.KEY}",
	}
}

func sender(t *testing.T, o Options) *Sender {
	t.Helper()
	s := New(o)
	t.Cleanup(s.Close)
	return s
}

var shop = &signal.Resource{Service: "order", Instance: "order-1", Attrs: signal.Attrs{{Key: "host.name", Value: signal.Text("h")}, {Key: "host", Value: signal.Integer(1)}}}

func someLogs(attrs ...signal.Attrs) export.Batch {
	b := export.Batch{Signal: export.Logs}
	for i, a := range attrs {
		b.Logs = append(b.Logs, signal.Log{Time: 1e18 + int64(i), Severity: signal.SeverityWarn, Text: "hello", Trace: signal.TraceID{1}, Resource: shop, Attrs: a})
		b.IDs = append(b.IDs, "id-"+string(rune('a'+i)))
	}
	return b
}

// TestDocuments: what the server has is what was sent, in fields of ECS.
func TestDocuments(t *testing.T) {
	f, server := newFake(t)
	s := sender(t, options(server.URL))
	logs := someLogs(signal.Attrs{{Key: "user.id", Value: signal.Integer(7)}}, signal.Attrs{{Key: "user.id", Value: signal.Text("seven")}, {Key: "user", Value: signal.Text("x")}},
		signal.Attrs{{Key: "big", Value: signal.Text(strings.Repeat("é", 40_000))}})
	spans := export.Batch{Signal: export.Traces, IDs: []string{"s1"}, Spans: []signal.Span{{
		Trace: signal.TraceID{1}, ID: signal.SpanID{2}, Parent: signal.SpanID{3}, Name: "GET /", Kind: signal.KindServer, Start: 1e18, End: 1e18 + 5, Status: signal.StatusError, Message: "boom",
		Resource: shop, Scope: signal.Scope{Name: "lib"}, Attrs: signal.Attrs{{Key: "http.response.status_code", Value: signal.Integer(500)}, {Key: "ok", Value: signal.Truth(true)}},
		Events: []signal.Event{{Time: 1e18, Name: "exception"}}, Links: []signal.Link{{Trace: signal.TraceID{9}}},
	}}}
	gauge, native := &point.Metric{Name: "g", Unit: "s"}, &point.Metric{Name: "h", Type: point.Exponential}
	points := export.Batch{Signal: export.Metrics, Points: []point.Point{
		{Metric: gauge, Resource: shop, Time: 1e18, Value: 1.5, Attrs: signal.Attrs{{Key: "path", Value: signal.Text("/")}}},
		{Metric: gauge, Resource: shop, Time: 1e18, Value: math.NaN()},
		{Metric: gauge, Resource: shop, Time: 1e18, Ended: true},
		{Metric: native, Resource: shop, Time: 1e18, Count: 4, Sum: 9, Positive: point.Buckets{Counts: []uint64{1, 0, 2}}, Zero: 1},
	}}
	for _, b := range []export.Batch{logs, spans, points} {
		a, err := s.Send(t.Context(), &b)
		if err != nil || len(a.Again) > 0 || len(a.Refused) != len(b.Points)/4 {
			t.Fatalf("%s: %+v, %v", b.Signal, a, err)
		}
	}
	if f.auth != "ApiKey hunter2" {
		t.Errorf("authorization %q", f.auth)
	}
	check := func(index, id, want string) {
		t.Helper()
		got, err := json.Marshal(f.docs[index][id])
		if err != nil || string(got) != want {
			t.Errorf("%s %s: %s", index, id, got)
		}
	}
	check("logs-shop-default", "id-a", `{"@timestamp":"2001-09-09T01:46:40Z","event":{"severity":13},"log":{"level":"warn"},"message":"hello","numeric_labels":{"user_id":7},`+
		`"resource":{"labels":{"host_name":"h"},"numeric_labels":{"host":1}},"service":{"name":"order","node":{"name":"order-1"}},"trace":{"id":"01000000000000000000000000000000"}}`)
	check("traces-shop-default", "s1", `{"@timestamp":"2001-09-09T01:46:40Z","error":{"message":"boom"},"event":{"duration":5,"outcome":"failure"},"events":[{"@timestamp":"2001-09-09T01:46:40Z","name":"exception"}],`+
		`"labels":{"ok":"true"},"links":[{"span":{"id":"0000000000000000"},"trace":{"id":"09000000000000000000000000000000"}}],"numeric_labels":{"http_response_status_code":500},"parent":{"id":"0300000000000000"},`+
		`"resource":{"labels":{"host_name":"h"},"numeric_labels":{"host":1}},"scope":{"name":"lib"},"service":{"name":"order","node":{"name":"order-1"}},"span":{"id":"0200000000000000","kind":"server","name":"GET /"},"trace":{"id":"01000000000000000000000000000000"}}`)
	check("metrics-shop-default", "generated-1", `{"@timestamp":"2001-09-09T01:46:40Z","count":4,"histogram":{"counts":[1,1,2],"values":[0,1.5,6]},"metric":{"name":"h","type":"exponential_histogram"},`+
		`"resource":{"labels":{"host_name":"h"},"numeric_labels":{"host":1}},"service":{"name":"order","node":{"name":"order-1"}},"sum":9}`)
	if n := len(f.docs["metrics-shop-default"]); n != 2 {
		t.Errorf("%d documents of metrics", n)
	}
}

// TestItems: of each document it is read what became of it, and one that is sent again
// is there once.
func TestItems(t *testing.T) {
	f, server := newFake(t)
	s := sender(t, options(server.URL))
	b := someLogs(nil, nil, nil)
	f.busy = 2
	a, err := s.Send(t.Context(), &b)
	if err != nil || len(a.Again) != 2 || a.Again[1] != 1 || len(a.Refused) > 0 {
		t.Fatalf("%+v, %v", a, err)
	}
	if a, err = s.Send(t.Context(), &b); err != nil || len(a.Again)+len(a.Refused) > 0 || len(f.docs["logs-shop-default"]) != 3 {
		t.Errorf("%+v, %v, %d documents", a, err, len(f.docs["logs-shop-default"]))
	}
	f.types["logs-shop-default/message"] = "object"
	b = someLogs(nil, nil, nil, nil)
	if a, err = s.Send(t.Context(), &b); err != nil || a.Refused["refused by the target: document_parsing_exception"] != 4 || !strings.Contains(a.Why.Error(), "object mapping") {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestAnswers: what a whole answer means.
func TestAnswers(t *testing.T) {
	var code int
	var said string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, strings.ReplaceAll(said, "AUTH", r.Header.Get("Authorization")))
	}))
	defer server.Close()
	o := options(server.URL)
	o.APIKey, o.User, o.Password = "", "elastic", "${secret.KEY}"
	s := sender(t, o)
	items := func(status string) string {
		return `{"errors":true,"items":[{"create":{"status":` + status + `,"error":{"type":"t","reason":"r"}}}]}`
	}
	for i, one := range []struct {
		code int
		said string
		kind export.Kind
		says string
	}{
		{503, "", export.Later, "503"},
		{500, "", export.Later, "500"},
		{413, "", export.TooLarge, "413"},
		{400, `{"error":{"type":"illegal_argument_exception","reason":"no"}}`, export.Never, "illegal_argument_exception: no"},
		{401, `{"error":"AUTH"}`, export.Barred, "401"},
		{200, "<html>hello", export.Barred, "no bulk interface"},
		{200, `{"errors":true,"items":[]}`, export.Barred, "0 documents"},
		{200, items("403"), export.Barred, "t: r"},
		{200, items("404"), export.Barred, "t: r"},
	} {
		code, said = one.code, one.said
		b := someLogs(nil)
		_, err := s.Send(t.Context(), &b)
		f, ok := errors.AsType[*export.Failure](err)
		if !ok || f.Kind != one.kind || !strings.Contains(f.Error(), one.says) || strings.Contains(f.Error(), "ZWxhc3Rp") {
			t.Errorf("%d: %+v", i, err)
		}
	}
}
