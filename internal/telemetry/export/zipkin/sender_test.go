package zipkin

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
		if r.URL.Path != "/zip/api/v2/spans" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Authorization") != "Bearer hunter2" {
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
		_, _ = io.WriteString(w, "it does not like hunter2") // the sender sees
	}))
	t.Cleanup(s.Close)
	out := New(post.Options{
		URL: s.URL + "/zip", Timeout: 5 * time.Second, Headers: map[string]string{"Authorization": "Bearer ${secret.KEY}"},
		Expand: func(text string) (string, error) {
			if text == "Bearer ${secret.KEY}" {
				return "Bearer hunter2", nil
			}
			return text, nil
		},
	})
	t.Cleanup(out.Close)
	return out
}

var shop = &signal.Resource{Service: "order", Instance: "order-1", Attrs: signal.Attrs{{Key: "host.name", Value: signal.Text("h")}, {Key: "error", Value: signal.Text("no")}}}

func batch(s signal.Span) *export.Batch {
	return &export.Batch{Signal: export.Traces, Spans: []signal.Span{s}, IDs: []string{"1"}}
}

// TestSpans: what OpenTelemetry's mapping says, to the letter.
func TestSpans(t *testing.T) {
	for name, c := range map[string]struct {
		span signal.Span
		want string
	}{
		"a failed call": {signal.Span{
			Trace: signal.TraceID{15: 1}, ID: signal.SpanID{7: 2}, Parent: signal.SpanID{7: 3}, Name: "charge", Kind: signal.KindClient,
			Start: 1_800_000_000_000_001_999, End: 1_800_000_000_000_501_999, Status: signal.StatusError, Message: "no money",
			Resource: shop, Scope: signal.Scope{Name: "lib", Version: "2"},
			Attrs: signal.Attrs{
				{Key: "server.address", Value: signal.Text("bank")}, {Key: "peer.service", Value: signal.Text("payment")},
				{Key: "http.response.status_code", Value: signal.Integer(500)}, {Key: "error", Value: signal.Text("other")},
			},
			Events: []signal.Event{{Time: 1_800_000_000_000_100_000, Name: "sent"}, {Time: 1_800_000_000_000_200_000, Name: "e", Attrs: signal.Attrs{{Key: "n", Value: signal.Integer(1)}}}},
		}, `[{"traceId":"00000000000000000000000000000001","parentId":"0000000000000003","id":"0000000000000002","kind":"CLIENT","name":"charge",` +
			`"timestamp":1800000000000001,"duration":500,"localEndpoint":{"serviceName":"order"},"remoteEndpoint":{"serviceName":"payment"},` +
			`"annotations":[{"timestamp":1800000000000100,"value":"sent"},{"timestamp":1800000000000200,"value":"\"e\": {\"n\":\"1\"}"}],` +
			`"tags":{"error":"no money","host.name":"h","http.response.status_code":"500","otel.scope.name":"lib","otel.scope.version":"2",` +
			`"otel.status_code":"ERROR","peer.service":"payment","server.address":"bank","service.instance.id":"order-1"}}]`},
		// An attribute that is called error must not make a failure of it; no duration is none that Zipkin shows.
		"a short one": {signal.Span{
			Trace: signal.TraceID{1}, ID: signal.SpanID{1}, Kind: signal.KindInternal, Start: 5000, End: 5000, Resource: &signal.Resource{Service: "a"},
			Attrs: signal.Attrs{{Key: "error", Value: signal.Truth(false)}},
		}, `[{"traceId":"01000000000000000000000000000000","id":"0100000000000000","timestamp":5,"duration":1,"localEndpoint":{"serviceName":"a"}}]`},
	} {
		t.Run(name, func(t *testing.T) {
			var got string
			if a, err := server(t, http.StatusAccepted, &got).Send(t.Context(), batch(c.span)); err != nil || a.Bytes == 0 {
				t.Fatal(a, err)
			}
			if got != c.want {
				t.Errorf("%s, want\n%s", got, c.want)
			}
		})
	}
}

// TestAnswers: what a status means, and that no secret is repeated.
func TestAnswers(t *testing.T) {
	for status, want := range map[int]export.Kind{400: export.Never, 401: export.Barred, 413: export.TooLarge, 429: export.Later, 500: export.Later, 503: export.Later} {
		var got string
		_, err := server(t, status, &got).Send(t.Context(), batch(signal.Span{Trace: signal.TraceID{1}, ID: signal.SpanID{1}, Resource: shop}))
		f, ok := errors.AsType[*export.Failure](err)
		if !ok || f.Kind != want {
			t.Errorf("%d: %v", status, err)
			continue
		}
		if said := f.Error(); said == "" || strings.Contains(said, "hunter2") {
			t.Errorf("%d: %s", status, said)
		}
	}
}
