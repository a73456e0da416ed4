package serviceapi

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
)

// coordinator is a Sagas that a test looks into.
type coordinator struct {
	service, name, key, trace, id string
	input                         json.RawMessage
	filter                        SagaFilter
	steering                      Steering
	answer                        Answer

	known  bool
	states []Saga // what Watch yields; the first is what the others return
	next   string
	err    error
}

func (c *coordinator) Start(_ context.Context, service, name, key, trace string, input json.RawMessage) (Started, error) {
	c.service, c.name, c.key, c.trace, c.input = service, name, key, trace, input
	return Started{ID: "s1", State: "running", Known: c.known}, c.err
}

func (c *coordinator) Get(_ context.Context, service, id string) (Saga, error) {
	c.service, c.id = service, id
	return c.first(), c.err
}

func (c *coordinator) first() Saga { return append(c.states, Saga{})[0] }

func (c *coordinator) List(_ context.Context, service string, f SagaFilter) ([]Saga, string, error) {
	c.service, c.filter = service, f
	return c.states, c.next, c.err
}

func (c *coordinator) Watch(_ context.Context, service, id string) iter.Seq2[Saga, error] {
	c.service, c.id = service, id
	return func(yield func(Saga, error) bool) {
		for _, s := range c.states {
			if !yield(s, nil) {
				return
			}
		}
		if c.err != nil {
			yield(Saga{}, c.err)
		}
	}
}

func (c *coordinator) Steer(_ context.Context, service, id string, s Steering) (Saga, error) {
	c.service, c.id, c.steering = service, id, s
	return c.first(), c.err
}

func (c *coordinator) Answer(_ context.Context, service, id string, a Answer) error {
	c.service, c.id, c.answer = service, id, a
	return c.err
}

// askSagas sends a request of service order; header is name and value in turn.
func askSagas(t *testing.T, c Sagas, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Banyan-Caller", "order")
	for pair := range slices.Chunk(header, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	w := httptest.NewRecorder()
	newHandler(Config{Sagas: c, Log: slog.New(slog.DiscardHandler)}).ServeHTTP(w, r)
	res := w.Result()
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, strings.TrimSpace(string(text))
}

func TestStartSaga(t *testing.T) {
	for _, known := range []bool{false, true} {
		c := &coordinator{known: known}
		res, text := askSagas(t, c, http.MethodPost, "/v1/sagas/checkout", `{"order":"1001"}`, "Idempotency-Key", "order-1001", "traceparent", "00-1")
		if want := map[bool]int{false: 201, true: 200}[known]; res.StatusCode != want {
			t.Errorf("known %v: %d, want %d", known, res.StatusCode, want)
		}
		if res.Header.Get("Location") != "/v1/sagas/s1" || text != `{"id":"s1","name":"checkout","state":"running"}` {
			t.Errorf("%v %s", res.Header, text)
		}
		if c.service != "order" || c.name != "checkout" || c.key != "order-1001" || c.trace != "00-1" || string(c.input) != `{"order":"1001"}` {
			t.Errorf("the coordinator was told %+v", c)
		}
	}
	c := &coordinator{}
	if askSagas(t, c, http.MethodPost, "/v1/sagas/checkout", " \n", "Idempotency-Key", "k"); string(c.input) != "null" {
		t.Errorf("without a body the input is %s, want null", c.input)
	}
}

// Each request that cannot be is refused with a code and a detail that says what to do.
func TestSagaRefusals(t *testing.T) {
	key := []string{"Idempotency-Key", "k"}
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		err                      error
		status                   int
		code, detail             string
	}{
		{"no key", "POST", "/v1/sagas/checkout", `{}`, nil, nil, 400, "key-missing", "send the header Idempotency-Key"},
		{"empty key", "POST", "/v1/sagas/checkout", `{}`, []string{"Idempotency-Key", ""}, nil, 400, "key-missing", "send the header"},
		{"long key", "POST", "/v1/sagas/checkout", `{}`, []string{"Idempotency-Key", strings.Repeat("k", 256)}, nil, 400, "key-missing", "256 bytes; at most 255"},
		{"odd key", "POST", "/v1/sagas/checkout", `{}`, []string{"Idempotency-Key", "ö"}, nil, 400, "key-missing", "printable ASCII"},
		{"no JSON", "POST", "/v1/sagas/checkout", `{"order":`, key, nil, 400, "saga-invalid", "the body is not JSON: unexpected end"},
		{"no UTF-8", "POST", "/v1/sagas/checkout", "\"\xff\"", key, nil, 400, "saga-invalid", "it is not UTF-8"},
		{"too much", "POST", "/v1/sagas/checkout", strings.Repeat(" ", 1<<20) + "1", key, nil, 413, "input-too-large", "more than 1048576 bytes"},
		{"far too much", "POST", "/v1/sagas/checkout", strings.Repeat(" ", 3<<20), key, nil, 413, "input-too-large", "more than 1048576 bytes"},
		{"a problem", "POST", "/v1/sagas/checkout", `{}`, key, &Problem{Code: SagaRefused, Detail: "add it"}, 403, "saga-refused", "add it"},
		{"reused", "POST", "/v1/sagas/checkout", `{}`, key, &Problem{Code: KeyReused, Detail: "x"}, 409, "key-reused", "x"},
		{"schema", "POST", "/v1/sagas/checkout", `{}`, key, &Problem{Code: SchemaMismatch, Detail: "x"}, 422, "schema-mismatch", "x"},
		{"defect", "POST", "/v1/sagas/checkout", `{}`, key, io.ErrClosedPipe, 500, "internal", "banyan logs daemon"},
		{"store away", "GET", "/v1/sagas/s1", "", nil, fault.New(fault.Unavailable, "gone"), 503, "engine-unreachable", "gone"},
		{"no saga", "GET", "/v1/sagas/s1", "", nil, &Problem{Code: NoSaga, Detail: "x"}, 404, "no-saga", "x"},
		{"watch nothing", "GET", "/v1/sagas/s1/events", "", nil, &Problem{Code: NoSaga, Detail: "x"}, 404, "no-saga", "x"},
		{"action", "POST", "/v1/sagas/s1:stop", "", nil, nil, 404, "no-route", ":cancel, :retry, :skip or :compensate"},
		{"state", "POST", "/v1/sagas/s1:retry", "", nil, &Problem{Code: SagaState, Detail: "x"}, 409, "saga-state", "x"},
		{"steering", "POST", "/v1/sagas/s1:skip", `{"setp":"charge"}`, nil, nil, 400, "saga-invalid", `unknown field "setp"; the body may be {"step": "NAME"}`},
		{"two bodies", "POST", "/v1/sagas/s1:skip", `{}{}`, nil, nil, 400, "saga-invalid", "not JSON"},
		{"limit", "GET", "/v1/sagas?limit=1001", "", nil, nil, 400, "saga-invalid", "a number from 1 to 1000"},
		{"limit 0", "GET", "/v1/sagas?limit=0", "", nil, nil, 400, "saga-invalid", "a number from 1 to 1000"},
		{"filter", "GET", "/v1/sagas?stat=running", "", nil, nil, 400, "saga-invalid", "there are name, state, cursor and limit"},
		{"outcome", "POST", "/v1/sagas/s1/steps/charge", "", []string{"Banyan-Outcome", "no"}, nil, 400, "saga-invalid", "it is abort, or left out"},
		{"another key", "POST", "/v1/sagas/s1/steps/charge", "", []string{"Idempotency-Key", "s1/reserve/do"}, nil, 400, "saga-invalid", "s1/charge/do or …/undo"},
		{"late", "POST", "/v1/sagas/s1/steps/charge", "", nil, &Problem{Code: SagaEnded, Detail: "x"}, 410, "saga-ended", "x"},
		{"method", "PUT", "/v1/sagas/s1", "", nil, nil, 405, "method-not-allowed", "takes GET, POST"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, text := askSagas(t, &coordinator{err: c.err}, c.method, c.path, c.body, c.header...)
			var p details
			if err := json.Unmarshal([]byte(text), &p); err != nil {
				t.Fatalf("%d %s: %v", res.StatusCode, text, err)
			}
			if res.StatusCode != c.status || string(p.Code) != c.code || res.Header.Get("Banyan-Error") != c.code || !strings.Contains(p.Detail, c.detail) {
				t.Errorf("%d %s, want %d %s %s", res.StatusCode, text, c.status, c.code, c.detail)
			}
			if strings.Contains(c.path, "s1") && c.code != "method-not-allowed" && c.code != "internal" && p.Saga != "s1" {
				t.Errorf("the problem does not name the saga: %s", text)
			}
		})
	}
	if res, text := askSagas(t, nil, http.MethodGet, "/v1/sagas", ""); res.StatusCode != 503 || !strings.Contains(text, "sagas-unavailable") {
		t.Errorf("without sagas: %d %s", res.StatusCode, text)
	}
	if res, _ := askSagas(t, &coordinator{}, http.MethodGet, "/v1/sagas", "", "Banyan-Caller", "banyan"); res.StatusCode != 403 {
		t.Errorf("a caller that is not known is answered %d", res.StatusCode)
	}
}

var oneSaga = Saga{
	ID: "s1", Name: "checkout", State: "running", Created: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), Updated: time.Date(2026, 1, 31, 12, 0, 1, 0, time.UTC),
	Input: json.RawMessage(`{"order":"1001"}`), Steps: []SagaStep{{Name: "reserve", Phase: "done", Attempts: 1, Output: json.RawMessage(`{"id":7}`)}}, Version: 3,
}

const oneSagaJSON = `{"id":"s1","name":"checkout","state":"running","created":"2026-01-31T12:00:00Z","updated":"2026-01-31T12:00:01Z",` +
	`"input":{"order":"1001"},"steps":[{"name":"reserve","phase":"done","attempts":1,"output":{"id":7}}]}`

func TestGetAndListSagas(t *testing.T) {
	c := &coordinator{states: []Saga{oneSaga}}
	if res, text := askSagas(t, c, http.MethodGet, "/v1/sagas/s1", ""); res.StatusCode != 200 || text != oneSagaJSON || c.id != "s1" || c.service != "order" {
		t.Errorf("%d %s, told %+v", res.StatusCode, text, c)
	}
	c.next = "17"
	res, text := askSagas(t, c, http.MethodGet, "/v1/sagas?name=checkout&state=running&cursor=40&limit=1", "")
	if want := `{"sagas":[` + oneSagaJSON + `],"cursor":"17"}`; res.StatusCode != 200 || text != want {
		t.Errorf("%d %s, want %s", res.StatusCode, text, want)
	}
	if want := (SagaFilter{Name: "checkout", State: "running", Cursor: "40", Limit: 1}); c.filter != want {
		t.Errorf("the filter is %+v, want %+v", c.filter, want)
	}
	if _, text := askSagas(t, &coordinator{}, http.MethodGet, "/v1/sagas", ""); text != `{"sagas":[]}` {
		t.Errorf("none is %s", text)
	}
}

func TestSteerSaga(t *testing.T) {
	for _, c := range []struct {
		path, body string
		want       Steering
	}{
		{"/v1/sagas/s1:cancel", `{"reason":"changed my mind"}`, Steering{Action: Cancel, Reason: "changed my mind"}},
		{"/v1/sagas/s1:retry", "", Steering{Action: Retry}},
		{"/v1/sagas/s1:skip", `{"step":"charge"}`, Steering{Action: Skip, Step: "charge"}},
		{"/v1/sagas/s1:compensate", `{}`, Steering{Action: Compensate}},
	} {
		to := &coordinator{states: []Saga{oneSaga}}
		res, text := askSagas(t, to, http.MethodPost, c.path, c.body)
		if res.StatusCode != 200 || text != oneSagaJSON || to.steering != c.want || to.id != "s1" || to.service != "order" {
			t.Errorf("%s: %d %s, told %+v", c.path, res.StatusCode, text, to)
		}
	}
}

func TestAnswerStep(t *testing.T) {
	for _, c := range []struct {
		body   string
		header []string
		want   Answer
	}{
		{`{"id":7}`, nil, Answer{Step: "charge", Body: json.RawMessage(`{"id":7}`)}},
		{"", []string{"Idempotency-Key", "s1/charge/do"}, Answer{Step: "charge"}},
		{"", []string{"Idempotency-Key", "s1/charge/undo"}, Answer{Step: "charge", Undo: true}},
		{`"no money"`, []string{"Banyan-Outcome", "abort"}, Answer{Step: "charge", Aborted: true, Body: json.RawMessage(`"no money"`)}},
	} {
		to := &coordinator{}
		res, text := askSagas(t, to, http.MethodPost, "/v1/sagas/s1/steps/charge", c.body, c.header...)
		got := to.answer
		if res.StatusCode != 204 || text != "" || to.id != "s1" || to.service != "order" ||
			got.Step != c.want.Step || got.Undo != c.want.Undo || got.Aborted != c.want.Aborted || string(got.Body) != string(c.want.Body) {
			t.Errorf("%v: %d %s, told %+v", c.header, res.StatusCode, text, to)
		}
	}
}

// A stream shows what changes and ends with the saga; who has seen the end is sent away.
func TestWatchSaga(t *testing.T) {
	ended := oneSaga
	ended.State, ended.Version, ended.Ended = "succeeded", 5, true
	c := &coordinator{states: []Saga{oneSaga, ended}}
	first := "id: 3\nevent: saga\ndata: " + oneSagaJSON
	last := "id: 5\nevent: saga\ndata: " + strings.Replace(oneSagaJSON, "running", "succeeded", 1)
	for _, w := range []struct {
		seen, want string
		status     int
	}{{"", first + "\n\n" + last, 200}, {"3", last, 200}} {
		res, text := askSagas(t, c, http.MethodGet, "/v1/sagas/s1/events", "", "Last-Event-ID", w.seen)
		if res.StatusCode != w.status || text != w.want || res.Header.Get("Content-Type") != "text/event-stream" {
			t.Errorf("seen %q: %d %v\n%s\nwant %s", w.seen, res.StatusCode, res.Header, text, w.want)
		}
	}
	c.states = c.states[1:]
	if res, text := askSagas(t, c, http.MethodGet, "/v1/sagas/s1/events", "", "Last-Event-ID", "5"); res.StatusCode != 204 || text != "" {
		t.Errorf("after the end: %d %s", res.StatusCode, text)
	}
}

// A stream of a saga that does not end is not what the end of the API waits for.
func TestWatchEndsWithTheServer(t *testing.T) {
	h := newHandler(Config{Sagas: &endless{}, Log: slog.New(slog.DiscardHandler)})
	ending := make(chan struct{})
	h.ending = ending
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/sagas/s1/events", nil)
	r.Header.Set("Banyan-Caller", "order")
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.ServeHTTP(httptest.NewRecorder(), r)
	}()
	close(ending)
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("the stream goes on")
	}
}

// endless has a saga that never changes.
type endless struct{ coordinator }

func (*endless) Watch(ctx context.Context, _, _ string) iter.Seq2[Saga, error] {
	return func(yield func(Saga, error) bool) {
		if yield(oneSaga, nil) {
			<-ctx.Done()
		}
	}
}
