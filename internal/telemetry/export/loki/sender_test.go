package loki

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/export"
	"github.com/banyanrun/banyan/internal/telemetry/export/post"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// server is a stand-in that keeps what it is sent and answers a status.
func server(t *testing.T, status int, got *string) *Sender {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/loki/api/v1/push" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("X-Scope-OrgID") != "shop" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		body, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Error(err)
		}
		*got = string(text)
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	out := New(post.Options{URL: s.URL, Timeout: 5 * time.Second, Headers: map[string]string{"X-Scope-OrgID": "shop"}})
	t.Cleanup(out.Close)
	return out
}

var shop = &signal.Resource{Service: "order", Instance: "order-1", Attrs: signal.Attrs{{Key: "host.name", Value: signal.Text("h")}}}

// TestPush: a stream for each service and severity, and all else beside the lines.
func TestPush(t *testing.T) {
	b := &export.Batch{Signal: export.Logs, IDs: []string{"1", "2", "3"}, Logs: []signal.Log{
		{Time: 1, Severity: signal.SeverityWarn, Text: "slow\nvery", Trace: signal.TraceID{1}, Span: signal.SpanID{2}, Resource: shop, Attrs: signal.Attrs{{Key: "user.id", Value: signal.Integer(7)}, {Key: "1st", Value: signal.Text("x")}}},
		{Time: 2, Text: "caf\xff", Resource: &signal.Resource{Service: "cart"}},
		{Time: 3, Severity: signal.SeverityWarn, Text: "again", Resource: shop},
	}}
	var got string
	if a, err := server(t, http.StatusNoContent, &got).Send(t.Context(), b); err != nil || a.Bytes == 0 {
		t.Fatal(a, err)
	}
	want := `{"streams":[{"stream":{"service_name":"order","level":"warn"},"values":[` +
		`["1","slow\nvery",{"_1st":"x","host_name":"h","instance":"order-1","span_id":"0200000000000000","trace_id":"01000000000000000000000000000000","user_id":"7"}],` +
		`["3","again",{"host_name":"h","instance":"order-1"}]]},` +
		`{"stream":{"service_name":"cart"},"values":[["2","caf` + "\uFFFD" + `",{}]]}]}`
	if got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
}

// TestBounds: no more is sent of one record than Loki takes.
func TestBounds(t *testing.T) {
	var attrs signal.Attrs
	for i := range 200 {
		attrs = append(attrs, signal.Attr{Key: strings.Repeat("k", i+1), Value: signal.Text(strings.Repeat("é", valueMost))})
	}
	all := metadataOf(&signal.Log{Resource: shop, Attrs: attrs})
	if len(all) != metadataMost {
		t.Errorf("%d", len(all))
	}
	for _, v := range all {
		if len(v) > valueMost || strings.ContainsRune(v, '\uFFFD') {
			t.Errorf("%d bytes", len(v))
		}
	}
}

// TestAnswers: what a status means.
func TestAnswers(t *testing.T) {
	b := &export.Batch{Signal: export.Logs, IDs: []string{"1"}, Logs: []signal.Log{{Time: 1, Resource: shop}}}
	for status, want := range map[int]export.Kind{400: export.Never, 401: export.Barred, 404: export.Barred, 429: export.Later, 500: export.Later} {
		var got string
		_, err := server(t, status, &got).Send(t.Context(), b)
		if f, ok := errors.AsType[*export.Failure](err); !ok || f.Kind != want {
			t.Errorf("%d: %v", status, err)
		}
	}
}
