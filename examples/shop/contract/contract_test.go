package contract

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// handle gives a service with some routes, and what it logs.
func handle() (http.Handler, *bytes.Buffer) {
	mux := http.NewServeMux()
	mux.Handle("GET /fine", Handler(func(w http.ResponseWriter, _ *http.Request) error {
		return WriteJSON(w, 200, ListOf[int](nil))
	}))
	mux.Handle("GET /gone", Handler(func(http.ResponseWriter, *http.Request) error { return NotFound("thing", "x") }))
	mux.Handle("GET /broken", Handler(func(http.ResponseWriter, *http.Request) error { return errors.New("the disk is full") }))
	var log bytes.Buffer
	return Handle(slog.New(slog.NewJSONHandler(&log, nil)), mux), &log
}

func TestAnswersAndAccessRecords(t *testing.T) {
	tests := []struct {
		method, path string
		status       int
		code, logged string
	}{
		{"GET", "/fine", 200, "", `"level":"INFO","msg":"request","method":"GET","path":"/fine","status":200,"ms":`},
		{"GET", "/gone", 404, "thing-not-found", `"error":"404 thing-not-found: There is no thing \"x\"."`},
		{"GET", "/broken", 500, "internal", `"level":"ERROR"`},
		{"GET", "/broken", 500, "internal", `"error":"the disk is full"`},
		{"GET", "/nothing", 404, "no-route", `"status":404`},
		{"POST", "/fine", 405, "no-route", `"status":405`},
		{"GET", "/healthz", 200, "", ""},
	}
	for _, test := range tests {
		t.Run(test.method+test.path, func(t *testing.T) {
			h, log := handle()
			request := httptest.NewRequest(test.method, test.path, nil)
			request.Header.Set("X-Request-Id", "r1")
			request.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
			recorder := httptest.NewRecorder()
			h.ServeHTTP(recorder, request)
			var problem Problem
			if err := json.Unmarshal(recorder.Body.Bytes(), &problem); err != nil {
				t.Fatal(err)
			}
			if recorder.Code != test.status || problem.Code != test.code || strings.Contains(recorder.Body.String(), "disk") {
				t.Fatalf("answered %d %s", recorder.Code, recorder.Body)
			}
			if problem.Code != "" && (problem.Status != test.status || recorder.Header().Get("Content-Type") != "application/problem+json") {
				t.Fatalf("%s is no problem: %v", recorder.Body, recorder.Header())
			}
			if !strings.Contains(log.String(), test.logged) || strings.Contains(log.String(), `"request_id":"r1","trace_id":"0af7651916cd43dd8448eb211c80319c"`) != (test.logged != "") {
				t.Fatalf("logged %s, want %s", log, test.logged)
			}
		})
	}
}

func TestEmptyListIsNotNull(t *testing.T) {
	h, _ := handle()
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, httptest.NewRequest("GET", "/fine", nil))
	if body := strings.TrimSpace(recorder.Body.String()); body != `{"items":[]}` {
		t.Fatal(body)
	}
}

func TestClientReadsProblems(t *testing.T) {
	answers := map[string]string{
		"/problem": `{"type": "about:blank", "title": "Conflict", "status": 200, "detail": "Too late.", "code": "late"}`,
		"/other":   "upstream connect error",
		"/list":    `[1]`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(409)
		_, _ = io.WriteString(w, answers[r.URL.Path])
	}))
	defer server.Close()
	for path, want := range map[string]Problem{
		"/problem": {Status: 409, Code: "late", Detail: "Too late."},
		"/other":   {Status: 409, Detail: "upstream connect error"},
		"/list":    {Status: 409, Detail: "[1]"},
	} {
		problem, ok := errors.AsType[*Problem](NewClient(server.URL+"/").Do(t.Context(), "GET", path, nil, nil))
		if !ok || problem.Status != want.Status || problem.Code != want.Code || problem.Detail != want.Detail {
			t.Errorf("%s: %+v, want %+v", path, problem, want)
		}
	}
}

// What was begun when a service is told to stop is finished; nothing new is accepted.
func TestServeStopsGracefully(t *testing.T) {
	t.Setenv("PORT", "0")
	begun, goOn := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /slow", func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-goOn
		_, _ = io.WriteString(w, "done")
	})
	ctx, stop := context.WithCancel(t.Context())
	logs, logged := io.Pipe()
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, slog.New(slog.NewJSONHandler(logged, nil)), mux); _ = logged.Close() }()
	lines := bufio.NewReader(logs)
	line, err := lines.ReadBytes('\n')
	var listening struct{ Address string }
	if err := errors.Join(err, json.Unmarshal(line, &listening)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()

	answer := make(chan string, 1)
	go func() {
		response, err := http.Get("http://" + listening.Address + "/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		body, _ := io.ReadAll(response.Body)
		answer <- string(body)
	}()
	<-begun
	stop()
	close(goOn)
	if got := <-answer; got != "done" {
		t.Fatalf("the request that was begun got %q", got)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	if _, err := http.Get("http://" + listening.Address + "/healthz"); err == nil {
		t.Fatal("it still answers")
	}
}
