package otlp

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listening serves a sink at an address of its own, until the test ends.
func listening(t *testing.T, s Sink) string {
	t.Helper()
	return serving(t, newReceiver(s))
}

func serving(t *testing.T, r *Receiver) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, l, r, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func dial(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	cc, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	return cc
}

// TestGRPC: OpenTelemetry's own client sends all three kinds.
func TestGRPC(t *testing.T) {
	s := &sink{}
	cc := dial(t, listening(t, s))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, o := range [][]grpc.CallOption{nil, {grpc.UseCompressor(gzip.Name)}} {
		if _, err := ptraceotlp.NewGRPCClient(cc).Export(ctx, ptraceotlp.NewExportRequestFromTraces(someTraces(300)), o...); err != nil {
			t.Error(err)
		}
	}
	if _, err := plogotlp.NewGRPCClient(cc).Export(ctx, plogotlp.NewExportRequestFromLogs(someLogs())); err != nil {
		t.Error(err)
	}
	if _, err := pmetricotlp.NewGRPCClient(cc).Export(ctx, pmetricotlp.NewExportRequestFromMetrics(someMetrics())); err != nil {
		t.Error(err)
	}
	if len(s.spans) != 600 || len(s.logs) == 0 || len(s.samples) == 0 {
		t.Errorf("%d spans, %d logs, %d samples", len(s.spans), len(s.logs), len(s.samples))
	}
	bad := someTraces(2)
	bad.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetTraceID([16]byte{})
	res, err := ptraceotlp.NewGRPCClient(cc).Export(ctx, ptraceotlp.NewExportRequestFromTraces(bad))
	if p := res.PartialSuccess(); err != nil || p.RejectedSpans() != 1 || p.ErrorMessage() != "1 of the spans was not taken: it has no trace_id" {
		t.Errorf("%d %q, %v", p.RejectedSpans(), p.ErrorMessage(), err)
	}
}

func TestGRPCWhenFull(t *testing.T) {
	s := &sink{err: &Full{RetryAfter: 3 * time.Second}}
	cc := dial(t, listening(t, s))
	_, err := ptraceotlp.NewGRPCClient(cc).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(someTraces(1)))
	st := status.Convert(err)
	if st.Code() != codes.Unavailable || len(st.Details()) != 1 {
		t.Fatal(err, st.Details())
	}
	if info, ok := st.Details()[0].(*errdetails.RetryInfo); !ok || info.GetRetryDelay().AsDuration() != 3*time.Second {
		t.Error(st.Details())
	}
}

func TestGRPCGarbage(t *testing.T) {
	s := &sink{}
	addr := listening(t, s)
	cc := dial(t, addr)
	err := cc.Invoke(t.Context(), kinds[0].procedure, []byte("hello"), new([]byte), grpc.ForceCodecV2(rawCodec{}))
	if status.Code(err) != codes.InvalidArgument {
		t.Error(err)
	}
	err = cc.Invoke(t.Context(), kinds[0].procedure, make([]byte, MaxBody+1), new([]byte), grpc.ForceCodecV2(rawCodec{}))
	if status.Code(err) != codes.ResourceExhausted {
		t.Error(err)
	}
	// HTTP is at the same address.
	res, err := http.Post("http://"+addr+"/v1/traces", jsonType, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusBadRequest {
		t.Error(res.Status)
	}
}

func TestListenWhereItCannot(t *testing.T) {
	addr := listening(t, &sink{})
	if err := Listen(t.Context(), addr, newReceiver(&sink{}), slog.New(slog.DiscardHandler)); err == nil || errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
