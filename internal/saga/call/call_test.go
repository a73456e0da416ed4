package call

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/saga/machine"
)

const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func caller(t *testing.T, target Target) *Caller {
	t.Helper()
	c := New(Options{Target: func(service string) (Target, bool) { return target, service == "payment" }})
	t.Cleanup(c.Close)
	return c
}

func post(path, body string) machine.Call {
	return machine.Call{
		Step: "charge", Op: machine.Do, Attempt: 2, Key: "s1/charge/do", Timeout: 5 * time.Second,
		Request: machine.Request{Service: "payment", Method: "POST", Path: path, Body: []byte(body)},
	}
}

func serve(t *testing.T, handler http.HandlerFunc) Target {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return Target{Address: strings.TrimPrefix(s.URL, "http://")}
}

// TestRequest: what a service gets.
func TestRequest(t *testing.T) {
	var got *http.Request
	var body []byte
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	})
	o := caller(t, target).Call(t.Context(), "s1", trace, post("/charges?x=%2F", `{"amount":1}`))
	if o.Kind != machine.OutcomeDone || o.Body != nil {
		t.Errorf("%+v", o)
	}
	if got.Method != "POST" || got.RequestURI != "/charges?x=%2F" || string(body) != `{"amount":1}` {
		t.Errorf("%s %s %s", got.Method, got.RequestURI, body)
	}
	for name, want := range map[string]string{
		"Idempotency-Key": "s1/charge/do", "Banyan-Saga": "s1", "Banyan-Attempt": "2", "Banyan-Deadline": "5000", "Content-Type": "application/json",
	} {
		if got.Header.Get(name) != want {
			t.Errorf("%s: %q", name, got.Header.Get(name))
		}
	}
	span := got.Header.Get("Traceparent")
	if len(span) != len(trace) || span == trace || span[:36] != trace[:36] || span[52:] != trace[52:] {
		t.Errorf("traceparent: %s", span)
	}
}

// TestOutcomes: what each answer means.
func TestOutcomes(t *testing.T) {
	const large = BodyMost + 1
	tests := []struct {
		name   string
		status int
		header map[string]string
		body   string
		want   machine.OutcomeKind
		output string
		after  time.Duration
		at     string
	}{
		{name: "200", status: 200, body: ` {"a": 1}`, want: "done", output: ` {"a": 1}`},
		{name: "201", status: 201, want: "done"},
		{name: "204", status: 204, want: "done"},
		{name: "206", status: 206, body: "1", want: "done", output: "1"},
		{name: "FAILURE in a body means nothing", status: 200, body: `{"result":"FAILURE"}`, want: "done", output: `{"result":"FAILURE"}`},
		{name: "white space", status: 200, body: " \n", want: "done"},
		{name: "text", status: 200, header: map[string]string{"Content-Type": "text/plain"}, body: "it's ok", want: "done", output: `"it's ok"`},
		{name: "broken JSON", status: 200, header: map[string]string{"Content-Type": "application/problem+json; charset=utf-8"}, body: `{"a":`, want: "attention"},
		{name: "no text", status: 200, header: map[string]string{"Content-Type": "application/octet-stream"}, body: "\xff\xfe", want: "attention"},
		{name: "too large", status: 200, body: `"` + strings.Repeat("a", large) + `"`, want: "attention"},
		{name: "as large as may be", status: 200, body: `"` + strings.Repeat("a", BodyMost-2) + `"`, want: "done", output: `"` + strings.Repeat("a", BodyMost-2) + `"`},
		{name: "202", status: 202, want: "pending"},
		{
			name: "202 with a place", status: 202, want: "pending",
			header: map[string]string{"Location": "jobs/1?x=y", "Retry-After": "7"}, after: 7 * time.Second, at: "/charges/jobs/1?x=y",
		},
		{name: "202 with an address", status: 202, header: map[string]string{"Location": "http://payment:80/jobs/1"}, want: "pending", at: "/jobs/1"},
		{name: "202 with nonsense", status: 202, header: map[string]string{"Location": "http://%zz"}, want: "attention"},
		{name: "409 abort", status: 409, header: map[string]string{"Banyan-Outcome": "abort"}, body: `{"why":"no money"}`, want: "aborted", output: `{"why":"no money"}`},
		{name: "409", status: 409, want: "attention"},
		{name: "409 with another outcome", status: 409, header: map[string]string{"Banyan-Outcome": "aborted"}, want: "attention"},
		{name: "abort without 409", status: 422, header: map[string]string{"Banyan-Outcome": "abort"}, want: "attention"},
		{name: "500 abort", status: 500, header: map[string]string{"Banyan-Outcome": "abort"}, want: "unknown"},
		{name: "400", status: 400, body: "no", want: "attention", output: `"no"`},
		{name: "404", status: 404, want: "attention"},
		{name: "410", status: 410, want: "attention"},
		{name: "408", status: 408, want: "attention"},
		{name: "425", status: 425, want: "attention"},
		{name: "429", status: 429, header: map[string]string{"Retry-After": "3"}, want: "later", after: 3 * time.Second},
		{name: "503", status: 503, want: "later"},
		{name: "500", status: 500, want: "unknown"},
		{name: "501", status: 501, want: "unknown"},
		{name: "502", status: 502, want: "unknown"},
		{name: "504", status: 504, want: "unknown"},
		{name: "redirect", status: 307, header: map[string]string{"Location": "/elsewhere"}, want: "attention"},
		{name: "nobody is there", status: 503, header: map[string]string{"Banyan-Error": "no-ready-instance"}, want: "away"},
		{name: "bulkhead", status: 503, header: map[string]string{"Banyan-Error": "bulkhead-full"}, want: "later"},
		{name: "reset behind the data plane", status: 502, header: map[string]string{"Banyan-Error": "upstream-reset"}, want: "unknown"},
		{name: "late behind the data plane", status: 504, header: map[string]string{"Banyan-Error": "deadline"}, want: "unknown"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			target := serve(t, func(w http.ResponseWriter, r *http.Request) {
				for name, value := range test.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			o := caller(t, target).Call(t.Context(), "s1", trace, post("/charges/", ""))
			if o.Kind != test.want || o.Status != test.status || string(o.Body) != test.output || o.RetryAfter != test.after || o.Location != test.at {
				t.Errorf("%s %d %.100s after %v at %q: %s", o.Kind, o.Status, o.Body, o.RetryAfter, o.Location, o.Error)
			}
			if wantError := test.want != "done" && test.want != "pending" && test.want != "aborted"; (o.Error != "") != wantError {
				t.Errorf("error: %q", o.Error)
			}
			if _, unsent := unseen[test.header["Banyan-Error"]]; o.Unsent != unsent {
				t.Errorf("unsent: %t", o.Unsent)
			}
		})
	}
}

// TestNoAnswer: what happens to a request that is not answered.
func TestNoAnswer(t *testing.T) {
	raw := func(answer string) func(net.Conn) {
		return func(c net.Conn) { _, _ = io.WriteString(c, answer) }
	}
	tests := []struct {
		name string
		do   func(net.Conn)
		want machine.OutcomeKind
	}{
		{"closed", raw(""), "unknown"},
		{"cut off in the header", raw("HTTP/1.1 200 OK\r\nContent-Le"), "unknown"},
		{"cut off in the body", raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}"), "unknown"},
		{"cut off in a chunk", raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}"), "unknown"},
		{"no is cut off", raw("HTTP/1.1 409 Conflict\r\nBanyan-Outcome: abort\r\nContent-Length: 10\r\n\r\n{}"), "aborted"},
		{"not HTTP", raw("SSH-2.0-x\r\n\r\n"), "unknown"},
		{"silence", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, "unknown"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
						test.do(c)
					}
					c.Close()
				}
			}()
			m := post("/", "{}")
			if test.name == "silence" {
				m.Timeout = 50 * time.Millisecond
			}
			if o := caller(t, Target{Address: l.Addr().String()}).Call(t.Context(), "s1", trace, m); o.Kind != test.want {
				t.Errorf("%+v", o)
			}
		})
	}
}

// TestNobody: what could not be sent was no attempt.
func TestNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c := caller(t, Target{Address: l.Addr().String()})
	if o := c.Call(t.Context(), "s1", trace, post("/", "")); o.Kind != machine.OutcomeLater {
		t.Errorf("%+v", o)
	}
	m := post("/", "")
	m.Request.Service = "other"
	if o := c.Call(t.Context(), "s1", trace, m); o.Kind != machine.OutcomeLater {
		t.Errorf("%+v", o)
	}
	if o := c.Poll(t.Context(), "s1", trace, machine.Poll{Service: "other", URL: "/"}); o.Kind != machine.OutcomeLater {
		t.Errorf("%+v", o)
	}
}

func TestPoll(t *testing.T) {
	var got string
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = fmt.Sprint(r.Method, " ", r.RequestURI, " ", r.Header.Get("Idempotency-Key"))
		fmt.Fprint(w, `{"state":"ready"}`)
	})
	for url, want := range map[string]string{"/jobs/1?a=b": "/jobs/1?a=b", "http://elsewhere/jobs/1": "/jobs/1", "jobs/1": "/jobs/1"} {
		o := caller(t, target).Poll(t.Context(), "s1", trace, machine.Poll{Service: "payment", URL: url, Key: "k", Timeout: time.Second})
		if o.Kind != machine.OutcomeDone || got != "GET "+want+" k" {
			t.Errorf("%s: %+v, %s", url, o, got)
		}
	}
}

// TestContextEnds: a coordinator that stops has learned nothing.
func TestContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	target := serve(t, func(w http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	if o := caller(t, target).Call(ctx, "s1", trace, post("/", "")); o.Kind != machine.OutcomeUnknown {
		t.Errorf("%+v", o)
	}
}
