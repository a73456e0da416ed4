package zipkin

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/otlp"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

type sink struct {
	from  string
	spans []signal.Span
	err   error
}

func (s *sink) Spans(_ context.Context, from string, spans []signal.Span) error {
	s.from, s.spans = from, spans
	return s.err
}

func post(t *testing.T, s Sink, method, media, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	q := httptest.NewRequestWithContext(t.Context(), method, "/api/v2/spans", strings.NewReader(body))
	q.Header.Set("Content-Type", media)
	for i := 0; i < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	New(s, otlp.NewRoom(0), slog.New(slog.DiscardHandler)).ServeFrom(w, q, "order")
	return w
}

// example is of Zipkin's documentation, with a server's span that shares its client's.
const example = `[
  {"id":"352bff9a74ca9ad2","traceId":"5af7183fb1d4cf5f","parentId":"6b221d5bc9e6496c","name":"get /api","timestamp":1800000000000000,"duration":1431,
   "kind":"CLIENT","localEndpoint":{"serviceName":"order","ipv4":"172.17.0.13","port":9000},
   "remoteEndpoint":{"serviceName":"stock","ipv6":"::1","port":9001},
   "annotations":[{"timestamp":1800000000000500,"value":"ws"}],
   "tags":{"http.status_code":"500","http.path":"/api","error":"no stock","zip":"01234"}},
  {"id":"352bff9a74ca9ad2","traceId":"000000000000000048485a3953bb6124","parentId":"6b221d5bc9e6496c","kind":"SERVER","shared":true,"debug":true,
   "timestamp":1800000000000000,"localEndpoint":{"serviceName":"stock"},"tags":{"error":"true"}},
  {"id":"1","traceId":"1","kind":"odd","annotations":[{"timestamp":1800000000000002,"value":"b"},{"timestamp":1800000000000001,"value":"a"}]}
]`

func TestSpans(t *testing.T) {
	s := &sink{}
	if w := post(t, s, http.MethodPost, "application/json", example); w.Code != http.StatusAccepted || s.from != "order" || len(s.spans) != 3 {
		t.Fatal(w.Code, w.Body, s)
	}
	trace, _ := signal.ParseTraceID("5af7183fb1d4cf5f")
	id, _ := signal.ParseSpanID("352bff9a74ca9ad2")
	parent, _ := signal.ParseSpanID("6b221d5bc9e6496c")
	want := signal.Span{
		Trace: trace, ID: id, Parent: parent, Name: "get /api", Kind: signal.KindClient,
		Start: 1_800_000_000_000_000_000, End: 1_800_000_000_001_431_000, Status: signal.StatusError, Message: "no stock",
		Resource: &signal.Resource{Service: "order", Attrs: signal.Attrs{{Key: "host.ip", Value: signal.Text("172.17.0.13")}}},
		Scope:    signal.Scope{Name: "zipkin"},
		Attrs: signal.Attrs{
			{Key: "error", Value: signal.Text("no stock")}, {Key: "http.path", Value: signal.Text("/api")}, {Key: "http.status_code", Value: signal.Integer(500)},
			{Key: "zip", Value: signal.Text("01234")},
			{Key: "peer.service", Value: signal.Text("stock")}, {Key: "network.peer.address", Value: signal.Text("::1")}, {Key: "network.peer.port", Value: signal.Integer(9001)},
		},
		Events: []signal.Event{{Time: 1_800_000_000_000_500_000, Name: "ws"}},
	}
	if !reflect.DeepEqual(s.spans[0], want) {
		t.Errorf("%+v, want\n%+v", s.spans[0], want)
	}
	server := &s.spans[1]
	if server.Parent != id || server.ID == id || server.Kind != signal.KindServer || server.Status != signal.StatusError || server.Message != "" || server.End != server.Start {
		t.Errorf("%+v", server)
	}
	if server.Resource.Service != "stock" || server.Resource.Attrs.Text("banyan.service") != "order" || server.Attrs.Text("zipkin.debug") != "true" {
		t.Errorf("%+v", server.Resource)
	}
	if odd := &s.spans[2]; odd.Start != 1_800_000_000_000_001_000 || odd.Resource.Service != "order" || odd.Kind != signal.KindUnspecified || len(odd.Events) != 2 {
		t.Errorf("%+v", odd)
	}
}

func TestAnswers(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(example))
	_ = z.Close()
	const one = `[{"id":"1","traceId":"1","timestamp":1}]`
	for _, c := range []struct {
		name, method, media, body string
		header                    []string
		err                       error
		status                    int
		retry, want               string
	}{
		{name: "gzip", media: "application/json; charset=utf-8", body: zipped.String(), header: []string{"Content-Encoding", "gzip"}, status: 202},
		{name: "nothing", media: "application/json", body: "[]", err: errors.New("asked"), status: 202},
		{name: "GET", method: http.MethodGet, media: "application/json", status: 405, want: "POST"},
		{name: "thrift", media: "application/x-thrift", body: one, status: 415, want: "application/json"},
		{name: "another encoding", media: "application/json", body: one, header: []string{"Content-Encoding", "br"}, status: 415, want: "gzip"},
		{name: "too large", media: "application/json", body: "[" + strings.Repeat(" ", otlp.MaxBody), status: 413, want: "16 MiB"},
		{name: "no list", media: "application/json", body: `{}`, status: 400, want: "no JSON list"},
		{name: "empty", media: "application/json", status: 400, want: "no JSON list"},
		{name: "not ended", media: "application/json", body: one[:len(one)-1], status: 400, want: "EOF"},
		{name: "more", media: "application/json", body: one + "1", status: 400, want: "follows"},
		{name: "no id", media: "application/json", body: `[{"traceId":"1","timestamp":1}]`, status: 400, want: "span 0 of the request: its id"},
		{name: "no trace", media: "application/json", body: `[{"id":"1","timestamp":1}]`, status: 400, want: "its traceId"},
		{name: "a broken parent", media: "application/json", body: `[{"id":"1","traceId":"1","parentId":"x","timestamp":1}]`, status: 400, want: "its parentId"},
		{name: "no time", media: "application/json", body: `[{"id":"1","traceId":"1"}]`, status: 400, want: "timestamp"},
		{name: "a time too far", media: "application/json", body: `[{"id":"1","traceId":"1","timestamp":9223372036854775807}]`, status: 400, want: "timestamp"},
		{name: "a tag that is no text", media: "application/json", body: `[{"id":"1","traceId":"1","timestamp":1,"tags":{"a":1}}]`, status: 400, want: "tags"},
		{name: "version 1", media: "application/json", body: `[{"id":"1","traceId":"1","annotations":[{"value":"cs","endpoint":{}}]}]`, status: 400, want: "timestamp"},
		{name: "full", media: "application/json", body: one, err: &otlp.Full{RetryAfter: time.Minute}, status: 503, retry: "60", want: "later"},
		{name: "ending", media: "application/json", body: one, err: context.Canceled, status: 503, retry: "1"},
		{name: "away", media: "application/json", body: one, err: fault.New(fault.Unavailable, "away"), status: 503, retry: "1", want: "away"},
		{name: "a defect", media: "application/json", body: one, err: errors.New("boom"), status: 500, want: "banyan logs daemon"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.method == "" {
				c.method = http.MethodPost
			}
			w := post(t, &sink{err: c.err}, c.method, c.media, c.body, c.header...)
			if w.Code != c.status || w.Header().Get("Retry-After") != c.retry || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%d %q %s, want %d %q %s", w.Code, w.Header().Get("Retry-After"), w.Body, c.status, c.retry, c.want)
			}
		})
	}
}

func FuzzSpans(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte(`[{"id":"8000000000000000","traceId":"1","timestamp":1,"duration":9223372036854775807,"shared":true,"kind":"SERVER"}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		spans, err := read(body, "order")
		if err != nil && len(spans) > 0 {
			t.Fatal("an error, and spans")
		}
		for i := range spans {
			s := &spans[i]
			if s.Trace.IsZero() || s.ID.IsZero() || s.Start <= 0 || s.End < s.Start || s.Resource == nil || s.Resource.Service == "" {
				t.Fatalf("%+v", s)
			}
		}
	})
}
