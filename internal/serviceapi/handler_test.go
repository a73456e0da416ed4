package serviceapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/fault"
)

// bus is a Publisher that a test looks into.
type bus struct {
	publisher, topic string
	events           []cloudevent.Event

	results []Result
	err     error
	panics  bool
}

func (b *bus) Publish(_ context.Context, publisher, topic string, events []cloudevent.Event) ([]Result, error) {
	if b.panics {
		panic("broken")
	}
	b.publisher, b.topic, b.events = publisher, topic, events
	return b.results, b.err
}

func ask(t *testing.T, p Publisher, method, path string, header map[string]string, body string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Banyan-Caller", "order")
	r.Header.Set("X-Request-Id", "r1")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	newHandler(Config{Publisher: p, Log: slog.New(slog.DiscardHandler)}).ServeHTTP(w, r)
	res := w.Result()
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

const topicPath = "/v1/topics/order.placed"

func TestPublish(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name    string
		header  map[string]string
		body    string
		results []Result
		events  int
		status  int
		answer  string
	}{
		{
			"binary", map[string]string{"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/x", "ce-type": "t", "Content-Type": "text/plain"}, "hello",
			[]Result{{ID: "1", Source: "/x", Sequence: "481"}}, 1, 201,
			`{"events":[{"id":"1","source":"/x","topic":"order.placed","sequence":"481","duplicate":false}]}`,
		},
		{
			"plain, known before", map[string]string{"Content-Type": "application/json"}, `{"n":1}`,
			[]Result{{ID: "1", Source: "/x", Sequence: "7", Duplicate: true}}, 1, 200,
			`{"events":[{"id":"1","source":"/x","topic":"order.placed","sequence":"7","duplicate":true}]}`,
		},
		{
			"a batch, part of it known", map[string]string{"Content-Type": "application/cloudevents-batch+json"},
			`[{"specversion":"1.0","id":"1"},{"specversion":"1.0","id":"2"}]`,
			[]Result{{ID: "1", Source: "/x", Duplicate: true}, {ID: "2", Source: "/x", Scheduled: at}}, 2, 201,
			`{"events":[{"id":"1","source":"/x","topic":"order.placed","duplicate":true},` +
				`{"id":"2","source":"/x","topic":"order.placed","scheduled":"2026-01-31T12:00:00Z","duplicate":false}]}`,
		},
		{"an empty batch", map[string]string{"Content-Type": "application/cloudevents-batch+json"}, `[]`, nil, 0, 200, `{"events":[]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &bus{results: c.results}
			res, text := ask(t, b, http.MethodPost, topicPath, c.header, c.body)
			if res.StatusCode != c.status || strings.TrimSpace(text) != c.answer || res.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%d %v %s, want %d %s", res.StatusCode, res.Header, text, c.status, c.answer)
			}
			if b.publisher != "order" || b.topic != "order.placed" || len(b.events) != c.events {
				t.Errorf("the publisher was told %+v", b)
			}
		})
	}
}

func TestDelay(t *testing.T) {
	const batch = `[{"specversion":"1.0"},{"specversion":"1.0","deliverat":"2030-01-01T00:00:00Z"}]`
	b := &bus{}
	ask(t, b, http.MethodPost, topicPath, map[string]string{
		"Content-Type": "application/cloudevents-batch+json", "Banyan-Deliver-At": "2019-01-01T00:00:00+02:00",
	}, batch)
	for i, want := range []string{"2019-01-01T00:00:00+02:00", "2030-01-01T00:00:00Z"} {
		if got, _ := b.events[i].Get(deliverAt); got != want {
			t.Errorf("event %d counts from %s, want %s", i, got, want)
		}
	}
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.FixedZone("", 3600))
	for _, c := range []struct{ header, value, want string }{
		{"Banyan-Delay", "90s", "2026-01-31T11:01:30Z"},
		{"Banyan-Delay", "1d", "2026-02-01T11:00:00Z"},
		{"Banyan-Delay", "30d", "2026-03-02T11:00:00Z"},
		{"Banyan-Deliver-At", "2026-03-02T12:00:00+01:00", "2026-03-02T12:00:00+01:00"},
		{"Banyan-Delay", "90", `the header Banyan-Delay: the duration "90" has no unit; write 90s for seconds, or 90ms for milliseconds`},
		{"Banyan-Delay", "30d1s", "the header Banyan-Delay: an event can be delayed by 30 days at most"},
		{"Banyan-Deliver-At", "2026-03-03", `the header Banyan-Deliver-At: "2026-03-03" is no time; write 2026-01-31T12:00:00Z, for example`},
		{"Banyan-Deliver-At", "2027-01-01T00:00:00Z", "the header Banyan-Deliver-At: an event can be delayed by 30 days at most"},
	} {
		got, err := due(http.Header{c.header: {c.value}}, now)
		if p, ok := errors.AsType[*Problem](err); ok {
			got = p.Detail
		}
		if got != c.want {
			t.Errorf("%s: %s: got %s, want %s", c.header, c.value, got, c.want)
		}
	}
}

func TestProblems(t *testing.T) {
	plain := map[string]string{"Content-Type": "application/json"}
	for _, c := range []struct {
		name         string
		publisher    Publisher
		method, path string
		header       map[string]string
		body         string
		status       int
		code         Code
		detail       string // part of it
		index        string
		retry        string
	}{
		{name: "nothing there", path: "/v2", status: 404, code: NoRoute, detail: "/v2"},
		{name: "another method", method: http.MethodGet, status: 405, code: MethodNotOK, detail: "POST"},
		{name: "no caller", header: map[string]string{"Banyan-Caller": ""}, status: 403, code: CallerUnknown, detail: "BANYAN_URL"},
		{name: "ourselves", header: map[string]string{"Banyan-Caller": "banyan"}, status: 403, code: CallerUnknown},
		{name: "no bus", header: plain, body: "1", status: 503, code: PublisherAbsent, retry: "1"},
		{name: "no event", publisher: &bus{}, header: map[string]string{"Content-Type": "text/html"}, status: 415, code: MediaType, detail: "text/html"},
		{name: "no JSON", publisher: &bus{}, header: plain, body: "{", status: 400, code: EventInvalid},
		{
			name: "a batch with one that is wrong", publisher: &bus{}, header: map[string]string{"Content-Type": "application/cloudevents-batch+json"},
			body: `[{"specversion":"1.0"},{"specversion":"0.3"}]`, status: 400, code: EventInvalid, index: "1",
		},
		{name: "a large event", publisher: &bus{}, header: plain, body: `"` + strings.Repeat("x", maxEvent) + `"`, status: 413, code: EventTooLarge},
		{
			name: "many events", publisher: &bus{}, header: map[string]string{"Content-Type": "application/cloudevents-batch+json"},
			body: "[" + strings.Repeat(`{"specversion":"1.0"},`, maxEvents) + `{"specversion":"1.0"}]`, status: 413, code: BatchTooLarge,
		},
		{name: "a bad time", publisher: &bus{}, header: map[string]string{"Banyan-Deliver-At": "soon"}, status: 400, code: EventInvalid, detail: "Banyan-Deliver-At"},
		{name: "a bad delay", publisher: &bus{}, header: map[string]string{"Banyan-Delay": "-1s"}, status: 400, code: EventInvalid, detail: "Banyan-Delay"},
		{
			name: "both", publisher: &bus{}, header: map[string]string{"Banyan-Delay": "1s", "Banyan-Deliver-At": "2030-01-01T00:00:00Z"},
			status: 400, code: EventInvalid, detail: "exclude",
		},
		{
			name: "the bus refuses", publisher: &bus{err: &Problem{Code: TopicFull, Detail: "of stock", Index: new(0), RetryAfter: 1500 * time.Millisecond}},
			header: plain, body: "1", status: 507, code: TopicFull, detail: "of stock", index: "0", retry: "2",
		},
		{
			name: "the engine is away", publisher: &bus{err: fault.New(fault.Unavailable, "no broker answers")},
			header: plain, body: "1", status: 503, code: EngineAway, detail: "no broker answers", retry: "1",
		},
		{name: "given up", publisher: &bus{err: context.DeadlineExceeded}, header: plain, body: "1", status: 503, code: Restarting, retry: "1"},
		{name: "a defect", publisher: &bus{err: errors.New("private")}, header: plain, body: "1", status: 500, code: Internal, detail: seeLog},
		{name: "a panic", publisher: &bus{panics: true}, header: plain, body: "1", status: 500, code: Internal, detail: seeLog},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.method == "" {
				c.method = http.MethodPost
			}
			if c.path == "" {
				c.path = topicPath
			}
			res, text := ask(t, c.publisher, c.method, c.path, c.header, c.body)
			var p struct {
				Type, Title, Detail, Caller, Service string
				Status                               int
				Code                                 Code
				Index                                json.Number
				Request                              string `json:"request_id"`
			}
			if err := json.Unmarshal([]byte(text), &p); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			if res.StatusCode != c.status || p.Status != c.status || p.Code != c.code || res.Header.Get("Banyan-Error") != string(c.code) {
				t.Errorf("%d %v %s", res.StatusCode, res.Header, text)
			}
			if !strings.Contains(p.Detail, c.detail) || p.Index.String() != c.index || res.Header.Get("Retry-After") != c.retry {
				t.Errorf("%v %s", res.Header, text)
			}
			if p.Type != "about:blank" || p.Title == "" || p.Service != "banyan" || p.Request != "r1" || res.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%v %s", res.Header, text)
			}
		})
	}
}

// TestTwoCallers: what could be read in two ways is nobody.
func TestTwoCallers(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, topicPath, strings.NewReader("1"))
	r.Header["Banyan-Caller"] = []string{"order", "stock"}
	if caller, err := newHandler(Config{}).identify(r.Header); err == nil {
		t.Errorf("it is %s", caller)
	}
}
