package otlp

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

func zipped(tb testing.TB, body []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(body); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestGzip(t *testing.T) {
	body := zipped(t, encode(t, someTraces(3), binary))
	for range 2 { // the second with a reader that was used
		s := &sink{}
		if w := post(t, s, "/v1/traces", protobuf+"; charset=utf-8", body, "Content-Encoding", "GZIP"); w.Code != 200 || len(s.spans) != 3 {
			t.Errorf("%d %s, %d spans", w.Code, w.Body, len(s.spans))
		}
	}
}

// TestRefusals: each has the status of OTLP, and a google.rpc.Status in the request's form.
func TestRefusals(t *testing.T) {
	good := encode(t, someTraces(1), binary)
	bomb := zipped(t, make([]byte, MaxBody+1))
	for _, c := range []struct {
		name, path, media string
		body              []byte
		header            []string
		sink              error
		status            int
		code              int32
		retry, want       string
	}{
		{name: "garbage", media: protobuf, body: []byte("hello"), status: 400, code: 3, want: "cannot be read as OTLP"},
		{name: "no JSON", media: jsonType, body: []byte("{"), status: 400, code: 3, want: "unexpected end of JSON"},
		{name: "another type", media: "text/plain", body: good, status: 415, code: 12, want: `"text/plain"; send application/x-protobuf`},
		{name: "no type", media: "", body: good, status: 415, code: 12, want: "application/json"},
		{name: "another encoding", media: protobuf, body: good, header: []string{"Content-Encoding", "zstd"}, status: 415, code: 12, want: `"zstd"; send gzip`},
		{name: "no gzip", media: protobuf, body: good, header: []string{"Content-Encoding", "gzip"}, status: 400, code: 3, want: "not gzip"},
		{name: "half of gzip", media: protobuf, body: zipped(t, good)[:40], header: []string{"Content-Encoding", "gzip"}, status: 400, code: 3, want: "not gzip as a whole"},
		{name: "too large", media: protobuf, body: make([]byte, MaxBody+1), status: 413, code: 8, want: "16 MiB"},
		{name: "a bomb", media: protobuf, body: bomb, header: []string{"Content-Encoding", "gzip"}, status: 413, code: 8, want: "16 MiB"},
		{name: "too many parts", media: protobuf, body: bytes.Repeat([]byte{0x0a, 0}, maxParts+1), status: 413, code: 8, want: "parts"},
		{name: "too many parts of JSON", media: jsonType, body: []byte(`{"resourceSpans":[` + strings.Repeat("{},", 2*maxParts) + "{}]}"), status: 413, code: 8, want: "parts"},
		{name: "full", media: protobuf, body: good, sink: &Full{RetryAfter: 2500 * time.Millisecond}, status: 503, code: 14, retry: "3", want: "faster than"},
		{name: "full, soon", media: jsonType, body: encode(t, someTraces(1), text), sink: &Full{}, status: 503, code: 14, retry: "1", want: "faster than"},
		{name: "ending", media: protobuf, body: good, sink: context.Canceled, status: 503, code: 14, retry: "1", want: "at the moment"},
		{name: "a defect", media: protobuf, body: good, sink: errors.New("boom"), status: 500, code: 13, want: "banyan logs daemon"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := post(t, &sink{err: c.sink}, "/v1/traces", c.media, c.body, c.header...)
			var s spb.Status
			var err error
			if c.media == protobuf {
				err = proto.Unmarshal(w.Body.Bytes(), &s)
			} else {
				err = protojson.Unmarshal(w.Body.Bytes(), &s)
			}
			if err != nil || w.Code != c.status || s.GetCode() != c.code || w.Header().Get("Retry-After") != c.retry || !strings.Contains(s.GetMessage(), c.want) {
				t.Errorf("%d %v, retry %q, %v; want %d %d %q", w.Code, &s, w.Header().Get("Retry-After"), err, c.status, c.code, c.want)
			}
		})
	}
}

func TestMethods(t *testing.T) {
	w := httptest.NewRecorder()
	newReceiver(&sink{}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/logs", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" {
		t.Error(w.Code, w.Header())
	}
}

// TestEmpty: a request without records is fine, and the sink hears nothing of it.
func TestEmpty(t *testing.T) {
	for _, path := range []string{"/v1/traces", "/v1/logs", "/v1/metrics"} {
		for media, body := range map[string]string{protobuf: "", jsonType: "{}"} {
			if w := post(t, &sink{err: errors.New("asked")}, path, media, []byte(body)); w.Code != 200 {
				t.Errorf("%s %s: %d %s", path, media, w.Code, w.Body)
			}
		}
	}
}

// TestBrokenBody: a sender that goes away is no panic.
func TestBrokenBody(t *testing.T) {
	q := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/traces", broken{})
	q.Header.Set("Content-Type", protobuf)
	w := httptest.NewRecorder()
	newReceiver(&sink{}).ServeHTTP(w, q)
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "come to its end") {
		t.Error(w.Code, w.Body)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("reset") }
