package serviceapi

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
	"github.com/banyanrun/banyan/proto/banyan/v1/banyanv1connect"
)

// rpcServer serves the API as the data plane would reach it, over HTTP/1.1.
func rpcServer(t *testing.T, c Config) string {
	t.Helper()
	c.Log = slog.New(slog.DiscardHandler)
	h := newHandler(c)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set(callerHeader, "order")
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestBusServicePublish: what is published by Connect and gRPC is the event that
// HTTP would have published.
func TestBusServicePublish(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for name, options := range map[string][]connect.ClientOption{
		"connect": nil, "json": {connect.WithProtoJSON()}, "grpc-web": {connect.WithGRPCWeb()},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bus{results: []Result{{ID: "7", Source: "/x", Sequence: "481", Scheduled: at}}}
			c := banyanv1connect.NewBusServiceClient(http.DefaultClient, rpcServer(t, Config{Publisher: b}), options...)
			res, err := c.Publish(t.Context(), &banyanv1.PublishRequest{
				Topic: "order.placed", Delay: durationpb.New(time.Hour), Event: &banyanv1.CloudEvent{
					Id: "7", Type: "t", Attributes: map[string]string{"subject": "1001"}, Data: &banyanv1.CloudEvent_TextData{TextData: `{"n":1}`},
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			if e := res.GetEvent(); e.GetId() != "7" || e.GetSource() != "/x" || e.GetSequence() != "481" || !e.GetScheduled().AsTime().Equal(at) {
				t.Errorf("%v", res)
			}
			if b.publisher != "order" || b.topic != "order.placed" || len(b.events) != 1 || string(b.events[0].Data) != `{"n":1}` {
				t.Fatalf("the publisher was told %+v", b)
			}
			for name, want := range map[string]string{"id": "7", "type": "t", "subject": "1001", "datacontenttype": "application/json"} {
				if got, _ := b.events[0].Get(name); got != want {
					t.Errorf("%s is %q", name, got)
				}
			}
			if got, _ := b.events[0].Get(deliverAt); got == "" {
				t.Error("it is not delayed")
			}
		})
	}
}

func TestBusServiceBatch(t *testing.T) {
	b := &bus{results: []Result{{ID: "1", Duplicate: true}, {ID: "2"}}}
	c := banyanv1connect.NewBusServiceClient(http.DefaultClient, rpcServer(t, Config{Publisher: b}))
	res, err := c.PublishBatch(t.Context(), &banyanv1.PublishBatchRequest{Topic: "order.placed", Events: []*banyanv1.CloudEvent{
		{Id: "1", Data: &banyanv1.CloudEvent_BinaryData{BinaryData: []byte("\xff")}, Attributes: map[string]string{"datacontenttype": "image/png"}}, {Id: "2"},
	}})
	if _, err := c.Publish(t.Context(), &banyanv1.PublishRequest{Topic: "order.placed"}); connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("without an event: %v", err)
	}
	if err != nil || len(res.GetEvents()) != 2 || !res.GetEvents()[0].GetDuplicate() || res.GetEvents()[1].GetDuplicate() || string(b.events[0].Data) != "\xff" {
		t.Errorf("%v, %v; the publisher was told %+v", res, err, b)
	}
}

// TestBusServiceProblems: a refusal has its code, and the problem among its details.
func TestBusServiceProblems(t *testing.T) {
	text := func(data string) *banyanv1.CloudEvent {
		return &banyanv1.CloudEvent{Data: &banyanv1.CloudEvent_TextData{TextData: data}}
	}
	for _, c := range []struct {
		name    string
		bus     Publisher
		request *banyanv1.PublishBatchRequest
		token   string
		code    connect.Code
		problem Code
		index   int32 // -1: none
		retry   string
	}{
		{"no bus", nil, &banyanv1.PublishBatchRequest{}, "", connect.CodeUnavailable, PublisherAbsent, -1, "1"},
		{"no JSON", &bus{}, &banyanv1.PublishBatchRequest{Events: []*banyanv1.CloudEvent{text("1"), text("{")}}, "", connect.CodeInvalidArgument, EventInvalid, 1, ""},
		{"a long delay", &bus{}, &banyanv1.PublishBatchRequest{Delay: durationpb.New(31 * 24 * time.Hour)}, "", connect.CodeInvalidArgument, EventInvalid, -1, ""},
		{"a delay backwards", &bus{}, &banyanv1.PublishBatchRequest{Delay: durationpb.New(-1)}, "", connect.CodeInvalidArgument, EventInvalid, -1, ""},
		{
			"the bus refuses", &bus{err: &Problem{Code: TopicFull, Detail: "full", Index: new(3), RetryAfter: 1500 * time.Millisecond, Errors: []Mismatch{{"/a", "is"}}}},
			&banyanv1.PublishBatchRequest{}, "", connect.CodeResourceExhausted, TopicFull, 3, "2",
		},
		{"undeclared", &bus{err: &Problem{Code: PublishRefused}}, &banyanv1.PublishBatchRequest{}, "", connect.CodePermissionDenied, PublishRefused, -1, ""},
		{"a defect", &bus{err: io.ErrUnexpectedEOF}, &banyanv1.PublishBatchRequest{}, "", connect.CodeInternal, Internal, -1, ""},
		{"a panic", &bus{panics: true}, &banyanv1.PublishBatchRequest{}, "", connect.CodeInternal, Internal, -1, ""},
		{"another's token", &bus{}, &banyanv1.PublishBatchRequest{}, "of stock", connect.CodeUnauthenticated, TokenInvalid, -1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := rpcServer(t, Config{Publisher: c.bus})
			client := banyanv1connect.NewBusServiceClient(http.DefaultClient, url, connect.WithInterceptors(bearer(c.token)))
			c.request.Topic = "order.placed"
			_, err := client.PublishBatch(t.Context(), c.request)
			if connect.CodeOf(err) != c.code {
				t.Fatalf("%v", err)
			}
			e := err.(*connect.Error) //nolint:errorlint // of this type it is
			if e.Meta().Get("Banyan-Error") != string(c.problem) || e.Meta().Get("Retry-After") != c.retry || len(e.Details()) != 1 {
				t.Fatalf("%v %v", e.Meta(), e.Details())
			}
			detail, err := e.Details()[0].Value()
			p, ok := detail.(*banyanv1.Problem)
			if err != nil || !ok || p.GetCode() != string(c.problem) {
				t.Fatalf("%v %v", detail, err)
			}
			if (p.Index == nil) != (c.index < 0) || p.GetIndex() != max(c.index, 0) || (p.GetRetryAfter() == nil) != (c.retry == "") {
				t.Errorf("%v", p)
			}
			if b, ok := c.bus.(*bus); ok && b.err != nil && strings.Contains(p.String(), "unexpected EOF") {
				t.Errorf("a defect is told: %v", p)
			}
		})
	}
}

// bearer sends a token, if it is not empty.
func bearer(token string) connect.UnaryInterceptorFunc {
	return func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
			if token != "" {
				r.Header().Set("Authorization", "Bearer "+token)
			}
			return next(ctx, r)
		}
	}
}

// TestToken: nobody has to send one, and one that is sent must be the caller's own.
func TestToken(t *testing.T) {
	authentic := func(service, token string) bool { return service == "order" && token == "secret" }
	h := newHandler(Config{Publisher: &bus{}, Authentic: authentic, Log: slog.New(slog.DiscardHandler)})
	for sent, want := range map[string]int{
		"": 200, "Bearer secret": 200, "bearer  secret": 200, "Bearer other": 401, "Bearer": 401, "Basic secret": 401, "secret": 401,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, topicPath, strings.NewReader("[]"))
		r.Header.Set("Content-Type", "application/cloudevents-batch+json")
		r.Header.Set(callerHeader, "order")
		if sent != "" {
			r.Header.Set("Authorization", sent)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want || want == 401 && (w.Header().Get("Banyan-Error") != "token-invalid" || w.Header().Get("WWW-Authenticate") != "Bearer") {
			t.Errorf("%q: %d %v", sent, w.Code, w.Header())
		}
	}
}

// TestPlainCurl: a request as a person would write it.
func TestPlainCurl(t *testing.T) {
	b := &bus{results: []Result{{ID: "1", Source: "/services/order", Sequence: "1"}}}
	url := rpcServer(t, Config{Publisher: b})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/banyan.v1.BusService/Publish",
		strings.NewReader(`{"topic": "order.placed", "event": {"textData": "{\"order\": 1}"}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err != nil || res.StatusCode != 200 || !strings.Contains(string(text), `"sequence":"1"`) {
		t.Errorf("%d %s %v", res.StatusCode, text, err)
	}
}
