package call

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"github.com/banyanrun/banyan/internal/saga/machine"
)

// payments is a gRPC service that answers as it is told.
type payments struct {
	grpc_health_v1.UnimplementedHealthServer
	check func(ctx context.Context, request string) error
	got   metadata.MD
}

func (p *payments) Check(ctx context.Context, r *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	p.got, _ = metadata.FromIncomingContext(ctx)
	if err := p.check(ctx, r.Service); err != nil {
		return nil, err
	}
	return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING}, nil
}

const procedurePath = "/grpc.health.v1.Health/Check"

func serveGRPC(t *testing.T, p *payments, withReflection bool) Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(s, p)
	if withReflection {
		reflection.Register(s)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return Target{Address: l.Addr().String(), H2C: true}
}

func TestGRPC(t *testing.T) {
	asked := ""
	p := &payments{check: func(_ context.Context, request string) error { asked = request; return nil }}
	c := caller(t, serveGRPC(t, p, true))
	o := c.Call(t.Context(), "s1", trace, post(procedurePath, `{"service":"order 7"}`))
	var body map[string]string
	if err := json.Unmarshal(o.Body, &body); err != nil || o.Kind != machine.OutcomeDone || body["status"] != "SERVING" || asked != "order 7" {
		t.Errorf("%+v, %s: %v", o, o.Body, err)
	}
	for name, want := range map[string]string{"idempotency-key": "s1/charge/do", "banyan-saga": "s1", "banyan-attempt": "2"} {
		if got := p.got.Get(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, m := range []machine.Call{
		post(procedurePath, `{"serfice":"x"}`),
		post("/grpc.health.v1.Health/Chekk", `{}`),
		post("/grpc.health.v1.Other/Check", `{}`),
		post("/grpc.health.v1.Health/Watch", `{}`), // a stream
	} {
		if o := c.Call(t.Context(), "s1", trace, m); o.Kind != machine.OutcomeAttention || o.Error == "" {
			t.Errorf("%s: %+v", m.Request.Path, o)
		}
	}
}

// TestGRPCOutcomes: what each status means.
func TestGRPCOutcomes(t *testing.T) {
	want := map[codes.Code]machine.OutcomeKind{
		codes.Unavailable: "later", codes.ResourceExhausted: "later",
		codes.InvalidArgument: "attention", codes.NotFound: "attention", codes.PermissionDenied: "attention",
		codes.Unimplemented: "attention", codes.FailedPrecondition: "attention",
	}
	var code codes.Code
	var trailer metadata.MD
	p := &payments{check: func(ctx context.Context, _ string) error {
		_ = grpc.SetTrailer(ctx, trailer)
		return status.Error(code, "banyan-outcome: abort, it says")
	}}
	c := caller(t, serveGRPC(t, p, true))
	for code = codes.Canceled; code <= codes.Unauthenticated; code++ {
		kind := want[code]
		if kind == "" {
			kind = machine.OutcomeUnknown
		}
		if o := c.Call(t.Context(), "s1", trace, post(procedurePath, `{}`)); o.Kind != kind || o.Error == "" {
			t.Errorf("%v: %+v", code, o)
		}
	}
	trailer = metadata.Pairs("banyan-outcome", "abort")
	for c2, kind := range map[codes.Code]machine.OutcomeKind{codes.Aborted: "aborted", codes.Internal: "unknown", codes.NotFound: "attention"} {
		code = c2
		if o := c.Call(t.Context(), "s1", trace, post(procedurePath, ``)); o.Kind != kind {
			t.Errorf("%v: %+v", code, o)
		}
	}
	trailer, code = metadata.Pairs("banyan-error", "upstream-reset"), codes.Unavailable
	if o := c.Call(t.Context(), "s1", trace, post(procedurePath, ``)); o.Kind != machine.OutcomeUnknown {
		t.Errorf("%+v", o)
	}
	trailer = metadata.Pairs("banyan-error", "no-ready-instance")
	if o := c.Call(t.Context(), "s1", trace, post(procedurePath, ``)); o.Kind != machine.OutcomeAway {
		t.Errorf("%+v", o)
	}
}

// TestWithoutReflection: a Connect server gets JSON, a gRPC server that tells nothing of itself cannot be called.
func TestWithoutReflection(t *testing.T) {
	var kind, body string
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	protocols.SetHTTP1(true)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != procedurePath {
			http.NotFound(w, r)
			return
		}
		b, _ := io.ReadAll(r.Body)
		kind, body = r.Header.Get("Content-Type"), string(b)
		_, _ = io.WriteString(w, `{"ok":true}`)
	}))
	s.Config.Protocols = protocols
	s.Start()
	t.Cleanup(s.Close)
	c := caller(t, Target{Address: strings.TrimPrefix(s.URL, "http://"), H2C: true})
	o := c.Call(t.Context(), "s1", trace, post(procedurePath, `{"a":1}`))
	if o.Kind != machine.OutcomeDone || string(o.Body) != `{"ok":true}` || kind != "application/json" || body != `{"a":1}` {
		t.Errorf("%+v, %s %s", o, kind, body)
	}
	silent := caller(t, serveGRPC(t, &payments{}, false))
	if o := silent.Call(t.Context(), "s1", trace, post(procedurePath, `{}`)); o.Kind == machine.OutcomeDone || o.Error == "" {
		t.Errorf("%+v", o)
	}
}
