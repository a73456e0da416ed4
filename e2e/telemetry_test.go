package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
	"github.com/banyanrun/banyan/proto/banyan/v1/banyanv1connect"
)

// seenFile is an app in which front calls back, which calls deep.
const seenFile = `name: seen
gateway:
	listen: ":${port}"
	routes:
		- {path: /front, to: front}
services:
	front:
		command: ${testapp}
		readiness: {http: /healthz}
		calls: [back]
	back:
		command: ${testapp}
		readiness: {http: /healthz}
		calls: [deep]
	deep:
		command: ${testapp}
		readiness: {http: /healthz}
		environment: {CHATTER: 20ms}
`

// seen asks an app's daemon what it has seen.
type seen struct {
	*app

	http *http.Client
	banyanv1connect.TelemetryServiceClient
}

func startSeen(t *testing.T) *seen {
	t.Helper()
	return startSeenFile(t, seenFile)
}

func startSeenFile(t *testing.T, file string) *seen {
	t.Helper()
	a := newApp(t, file)
	a.up()
	return see(a)
}

// see asks the daemon of an app that runs.
func see(a *app) *seen {
	c := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", a.layout.ControlSocket)
	}}}
	return &seen{app: a, http: c, TelemetryServiceClient: banyanv1connect.NewTelemetryServiceClient(c, "http://banyan")}
}

// traces are those with a span that a filter matches.
func (s *seen) traces(filter string) ([]*banyanv1.TraceSummary, error) {
	r, err := s.SearchTraces(s.t.Context(), &banyanv1.SearchTracesRequest{Filter: filter, Limit: 1000})
	if err != nil {
		return nil, err
	}
	return r.GetTraces(), nil
}

// lines counts the texts of log records that a filter matches, of the last hour.
func (s *seen) lines(filter string) (map[string]int, error) {
	counts := map[string]int{}
	r := &banyanv1.SearchLogsRequest{Filter: filter, Limit: 5000}
	for {
		page, err := s.SearchLogs(s.t.Context(), r)
		if err != nil {
			return nil, err
		}
		for _, l := range page.GetLogs() {
			counts[l.GetText()]++
		}
		if r.Cursor = page.GetNext(); r.GetCursor() == "" {
			return counts, nil
		}
	}
}

// query is the first value that a PromQL expression has; an error: it has none.
func (s *seen) query(expr string) (float64, error) {
	resp, err := s.http.Get("http://banyan/prometheus/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var answer struct {
		Data struct {
			Result []struct{ Value []any }
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return 0, err
	}
	if len(answer.Data.Result) == 0 || len(answer.Data.Result[0].Value) != 2 {
		return 0, fmt.Errorf("%s has no value", expr)
	}
	return strconv.ParseFloat(fmt.Sprint(answer.Data.Result[0].Value[1]), 64)
}

// TestSeen: without any set-up there is a span of each hop, in one trace where services
// pass it on, log records, exact rates, and the map; a daemon that is killed loses
// none of it.
func TestSeen(t *testing.T) {
	s := startSeen(t)
	const trace = "0af7651916cd43dd8448eb211c80319c"
	deep := "/front/call?url=BACK_URL&path=" + url.QueryEscape("/call?forward=1&url=DEEP_URL&path=/x")

	s.joined(t, deep+"&forward=1", trace, "00-"+trace+"-b7ad6b7169203331-01")
	s.broken(t, deep)
	s.refusedIsSeen(t)
	s.ratesAreExact(t)
	s.joinedByB3(t)
	s.pushed(t)
	s.tailed(t)
	s.mapIsDrawn(t)
	s.survives(t)
}

// joined: where services pass the traceparent on, hops join into one trace.
func (s *seen) joined(t *testing.T, path, trace, parent string) {
	t.Helper()
	get(t, s.url(path), "Traceparent", parent)
	var got *banyanv1.GetTraceResponse
	await(t, 10*time.Second, "the trace", func() (err error) {
		if got, err = s.GetTrace(t.Context(), &banyanv1.GetTraceRequest{TraceId: trace}); err != nil {
			return err
		}
		if n := len(got.GetSpans()); n != 3 {
			return fmt.Errorf("%d spans", n)
		}
		return nil
	})
	parents := map[string]string{}
	by := map[string]*banyanv1.Span{}
	for _, span := range got.GetSpans() {
		parents[span.GetSpanId()] = span.GetParentId()
		by[span.GetService()] = span
	}
	if by["front"].GetParentId() != "b7ad6b7169203331" || by["back"].GetParentId() != by["front"].GetSpanId() || by["deep"].GetParentId() != by["back"].GetSpanId() {
		t.Errorf("the hops do not join: %v", parents)
	}
	if name := by["front"].GetName(); name != "GET /front" {
		t.Errorf("the gateway's span is called %q", name)
	}
	found, err := s.traces("service=deep banyan.caller=back url.path=/x duration<10s")
	if err != nil || len(found) != 1 || found[0].GetTraceId() != trace || found[0].GetSpans() != 3 {
		t.Errorf("found by a filter: %v, %v", found, err)
	}
}

// joinedByB3: a client that says its trace as Zipkin's do is of that trace, too.
func (s *seen) joinedByB3(t *testing.T) {
	t.Helper()
	get(t, s.url("/front/x"), "X-B3-TraceId", "a3ce929d0e0e4736", "X-B3-SpanId", "b7ad6b7169203332", "X-B3-Sampled", "1")
	await(t, 10*time.Second, "the trace of B3", func() error {
		got, err := s.GetTrace(t.Context(), &banyanv1.GetTraceRequest{TraceId: "0000000000000000a3ce929d0e0e4736"})
		if err == nil && (len(got.GetSpans()) != 1 || got.GetSpans()[0].GetParentId() != "b7ad6b7169203332") {
			err = fmt.Errorf("there is %v", got)
		}
		return err
	})
}

// broken: where a service does not, the next hop begins a trace of its own.
func (s *seen) broken(t *testing.T, path string) {
	t.Helper()
	get(t, s.url(path))
	await(t, 10*time.Second, "the break", func() error {
		found, err := s.traces("service=back banyan.caller=front")
		if err != nil {
			return err
		}
		for _, one := range found {
			if one.GetRootService() == "back" && one.GetSpans() == 2 {
				return nil
			}
		}
		return fmt.Errorf("none of %v begins at back", found)
	})
}

// refusedIsSeen: a call that is not declared has a span, and is on the map.
func (s *seen) refusedIsSeen(t *testing.T) {
	t.Helper()
	if a := ask(t, http.MethodGet, s.url("/front/call?url=DEEP_URL&path=/x"), nil); a.status != http.StatusForbidden {
		t.Fatal(a)
	}
	await(t, 10*time.Second, "the refused call", func() error {
		found, err := s.traces("banyan.caller=front banyan.code=call-refused")
		if err == nil && len(found) != 1 {
			err = fmt.Errorf("%d traces", len(found))
		}
		return err
	})
}

// pushed: what an SDK sends to $BANYAN_URL is kept, and sending it is no traffic.
func (s *seen) pushed(t *testing.T) {
	t.Helper()
	address := string(get(t, s.url("/front/env?name=OTEL_EXPORTER_OTLP_ENDPOINT")).body)
	now := time.Now().UnixNano()
	body := fmt.Sprintf(`{"resourceSpans": [{"scopeSpans": [{"scope": {"name": "sdk"}, "spans": [{
		"traceId": "aaaabbbbccccddddeeeeffff00001111", "spanId": "aaaabbbbccccdddd", "name": "SELECT orders", "kind": 3,
		"startTimeUnixNano": "%d", "endTimeUnixNano": "%d",
		"attributes": [{"key": "db.system", "value": {"stringValue": "redis"}}]}]}]}]}`, now-1e6, now)
	if a := ask(t, http.MethodPost, address+"/v1/traces", json.RawMessage(body)); a.status != http.StatusOK {
		t.Fatal(a)
	}
	await(t, 10*time.Second, "the span that was pushed", func() error {
		found, err := s.traces(`service=front name="SELECT orders" db.system=redis`)
		if err == nil && len(found) != 1 {
			err = fmt.Errorf("%d traces", len(found))
		}
		return err
	})
	if found, err := s.traces("service=banyan banyan.caller=front"); err != nil || len(found) != 0 {
		t.Errorf("the push was taken for traffic: %v, %v", found, err)
	}
}

// tailed: records come to who follows as they are written, after the last ones.
func (s *seen) tailed(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	get(t, s.url("/front/say?line=before"))
	await(t, 10*time.Second, "a line", func() error {
		lines, err := s.lines("service=front before")
		if err == nil && lines["before"] != 1 {
			err = fmt.Errorf("%v", lines)
		}
		return err
	})
	stream, err := s.TailLogs(ctx, &banyanv1.TailLogsRequest{Filter: "service=front", Last: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var got []string
	for stream.Receive() {
		if len(got) == 0 { // the reader is connected
			get(t, s.url("/front/say?line=after"))
		}
		for _, l := range stream.Msg().GetLogs() {
			got = append(got, l.GetText())
		}
		if len(got) >= 2 {
			break
		}
	}
	if len(got) != 2 || got[0] != "before" || got[1] != "after" {
		t.Errorf("%q, %v", got, stream.Err())
	}
}

// ratesAreExact: RED metrics count each request, by PromQL.
func (s *seen) ratesAreExact(t *testing.T) {
	t.Helper()
	for range 50 {
		get(t, s.url("/front/x"))
	}
	await(t, 15*time.Second, "requests in PromQL", func() error {
		n, err := s.query(`sum(banyan_requests_total{caller="gateway",callee="front",route="/front"})`)
		if err == nil && n != 53 {
			err = fmt.Errorf("%v requests", n)
		}
		return err
	})
	if n, err := s.query(`sum(increase(banyan_requests_total{caller="gateway",callee="front"}[1m]))`); err != nil || n < 50 || n > 60 {
		t.Errorf("the first requests do not count in rates: %v, %v", n, err)
	}
	if d, err := s.query(`histogram_quantile(0.95, sum(rate(banyan_request_duration_seconds{callee="front"}[1m])))`); err != nil || d <= 0 || d > 5 {
		t.Errorf("the 95th percentile is %v s, %v", d, err)
	}
	await(t, 20*time.Second, "what instances use", func() error {
		n, err := s.query(`banyan_instance_memory_bytes{service="deep"}`)
		if err == nil && n < 1<<20 {
			err = fmt.Errorf("%v bytes", n)
		}
		return err
	})
}

func (s *seen) mapIsDrawn(t *testing.T) {
	t.Helper()
	m, err := s.GetMap(t.Context(), &banyanv1.GetMapRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]func(*banyanv1.MapEdge) bool{
		"gateway:gateway service:front": func(e *banyanv1.MapEdge) bool { return e.GetDeclared() && e.GetRates().GetPerSecond() > 0 },
		"service:back service:deep":     func(e *banyanv1.MapEdge) bool { return e.GetDeclared() && e.GetRates().GetPerSecond() > 0 },
		"service:front service:deep":    func(e *banyanv1.MapEdge) bool { return !e.GetDeclared() && e.GetRefusedPerSecond() > 0 },
	}
	for _, e := range m.GetEdges() {
		name := e.GetFrom() + " " + e.GetTo()
		if holds := want[name]; holds != nil && holds(e) {
			delete(want, name)
		}
	}
	if len(want) > 0 {
		t.Errorf("%d edges are not as they should be in %v", len(want), m.GetEdges())
	}
}

// survives: the daemon is killed while requests are made and lines written. Nothing
// is lost, and nothing is there twice.
func (s *seen) survives(t *testing.T) {
	t.Helper()
	before := s.settled(30 * time.Second)
	daemon := int(before.GetDaemon().GetPid())
	const requests = 60
	for i := range requests {
		if i == requests/2 {
			kill(t, daemon)
		}
		get(t, s.url("/front/numbers/say?line=number-"+strconv.Itoa(i)))
	}
	s.when(20*time.Second, "a new daemon", func(st *banyanv1.Status) error {
		if int(st.GetDaemon().GetPid()) == daemon {
			return errors.New("the old one answers")
		}
		return nil
	})
	await(t, 20*time.Second, "spans and lines from before and after", func() error {
		found, err := s.traces("service=front url.path=/front/numbers/say")
		if err == nil && len(found) != requests {
			err = fmt.Errorf("%d traces", len(found))
		}
		if err != nil {
			return err
		}
		lines, err := s.lines("service=front number")
		if err != nil {
			return err
		}
		for i := range requests {
			if n := lines["number-"+strconv.Itoa(i)]; n != 1 {
				return fmt.Errorf("line %d is there %d times", i, n)
			}
		}
		return nil
	})
	s.noneTwice(t)
	if n, err := s.query(`sum(banyan_requests_total{callee="back"})`); err != nil || n != 2 {
		t.Errorf("after the daemon was killed: %v requests, %v", n, err)
	}
}

// noneTwice: deep writes a numbered line each 20 ms; none is lost or there twice.
func (s *seen) noneTwice(t *testing.T) {
	t.Helper()
	lines, err := s.lines("service=deep line")
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	for text, n := range lines {
		number, _, _ := strings.Cut(strings.TrimPrefix(text, "line "), " ")
		at, err := strconv.Atoi(number)
		if err != nil {
			continue
		}
		if n != 1 {
			t.Errorf("%q is there %d times", text, n)
		}
		last = max(last, at)
	}
	if len(lines) < last {
		t.Errorf("%d lines of %d are there", len(lines), last+1)
	}
}
