package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// testService is a gRPC service as its users write them.
type testService struct {
	pb.UnimplementedTestServiceServer
	cancelled chan struct{}
}

func (s *testService) UnaryCall(ctx context.Context, in *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	_ = grpc.SetHeader(ctx, metadata.Pairs("x-caller", strings.Join(md.Get("banyan-caller"), ",")))
	_ = grpc.SetTrailer(ctx, metadata.Pairs("x-done-bin", "\x00\x01\xff"))
	if st := in.GetResponseStatus(); st != nil {
		return nil, status.Error(codes.Code(st.GetCode()), st.GetMessage())
	}
	if in.GetResponseSize() < 0 {
		<-ctx.Done()
		close(s.cancelled)
		return nil, ctx.Err()
	}
	return &pb.SimpleResponse{Payload: &pb.Payload{Body: make([]byte, in.GetResponseSize())}}, nil
}

func (s *testService) StreamingInputCall(st pb.TestService_StreamingInputCallServer) error {
	var n int32
	for {
		m, err := st.Recv()
		if errors.Is(err, io.EOF) {
			return st.SendAndClose(&pb.StreamingInputCallResponse{AggregatedPayloadSize: n})
		}
		if err != nil {
			return err
		}
		n += int32(len(m.GetPayload().GetBody()))
	}
}

func (s *testService) StreamingOutputCall(in *pb.StreamingOutputCallRequest, st pb.TestService_StreamingOutputCallServer) error {
	for _, p := range in.GetResponseParameters() {
		if err := st.Send(&pb.StreamingOutputCallResponse{Payload: &pb.Payload{Body: make([]byte, p.GetSize())}}); err != nil {
			return err
		}
	}
	return status.Error(codes.DataLoss, "lost: 100 % ü")
}

func (s *testService) FullDuplexCall(st pb.TestService_FullDuplexCallServer) error {
	for {
		m, err := st.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			if s.cancelled != nil && errors.Is(st.Context().Err(), context.Canceled) {
				close(s.cancelled)
			}
			return err
		}
		if err := st.Send(&pb.StreamingOutputCallResponse{Payload: m.GetPayload()}); err != nil {
			return err
		}
	}
}

func grpcService(t *testing.T, s *testService) string {
	t.Helper()
	l := mustListen(t)
	srv := grpc.NewServer()
	pb.RegisterTestServiceServer(srv, s)
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(srv.Stop)
	return l.Addr().String()
}

func grpcClient(t *testing.T, addr string) pb.TestServiceClient {
	t.Helper()
	cc, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(addr, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	return pb.NewTestServiceClient(cc)
}

func TestGRPC(t *testing.T) {
	r := newRig(t)
	svc := &testService{cancelled: make(chan struct{})}
	r.service("s", route.H2C, "s-1", grpcService(t, svc))
	edge := r.edge("order", "s", route.Policy{Timeout: 5 * time.Second, Retries: 1})
	r.apply()
	c := grpcClient(t, edge)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()

	t.Run("unary", func(t *testing.T) {
		var head, trail metadata.MD
		out, err := c.UnaryCall(ctx, &pb.SimpleRequest{ResponseSize: 300_000, Payload: &pb.Payload{Body: make([]byte, 300_000)}},
			grpc.Header(&head), grpc.Trailer(&trail))
		if err != nil || len(out.GetPayload().GetBody()) != 300_000 {
			t.Fatal(err)
		}
		if fmt.Sprint(head.Get("x-caller")) != "[order]" || len(trail.Get("x-done-bin")) != 1 || trail.Get("x-done-bin")[0] != "\x00\x01\xff" {
			t.Errorf("header %v, trailer %v", head, trail)
		}
	})
	t.Run("status", func(t *testing.T) {
		msg := "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
		_, err := c.UnaryCall(ctx, &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Code: 2, Message: msg}})
		if st := status.Convert(err); st.Code() != codes.Unknown || st.Message() != msg {
			t.Error(err)
		}
		if _, err = c.EmptyCall(ctx, &pb.Empty{}); status.Code(err) != codes.Unimplemented {
			t.Error(err)
		}
	})
	t.Run("client streaming", func(t *testing.T) {
		st, err := c.StreamingInputCall(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			_ = st.Send(&pb.StreamingInputCallRequest{Payload: &pb.Payload{Body: make([]byte, 50_000)}})
		}
		if out, err := st.CloseAndRecv(); err != nil || out.GetAggregatedPayloadSize() != 1_000_000 {
			t.Error(out, err)
		}
	})
	t.Run("server streaming", func(t *testing.T) {
		var want []*pb.ResponseParameters
		for i := range 20 {
			want = append(want, &pb.ResponseParameters{Size: int32(i * 5000)})
		}
		st, err := c.StreamingOutputCall(ctx, &pb.StreamingOutputCallRequest{ResponseParameters: want})
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; ; i++ {
			m, err := st.Recv()
			if err != nil {
				if s := status.Convert(err); i != 20 || s.Code() != codes.DataLoss || s.Message() != "lost: 100 % ü" {
					t.Error(i, err)
				}
				break
			}
			if len(m.GetPayload().GetBody()) != i*5000 {
				t.Error(i)
			}
		}
	})
	t.Run("ping pong", func(t *testing.T) {
		st, err := c.FullDuplexCall(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			b := bytes.Repeat([]byte{byte(i)}, 1+i*3000)
			if err := st.Send(&pb.StreamingOutputCallRequest{Payload: &pb.Payload{Body: b}}); err != nil {
				t.Fatal(err)
			}
			if m, err := st.Recv(); err != nil || !bytes.Equal(m.GetPayload().GetBody(), b) {
				t.Fatal(i, err)
			}
		}
		_ = st.CloseSend()
		if _, err := st.Recv(); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
	t.Run("deadline", func(t *testing.T) {
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		svc.cancelled = make(chan struct{})
		if _, err := c.UnaryCall(short, &pb.SimpleRequest{ResponseSize: -1}); status.Code(err) != codes.DeadlineExceeded {
			t.Error(err)
		}
		<-svc.cancelled
	})
	t.Run("cancel", func(t *testing.T) {
		gone, cancel := context.WithCancel(ctx)
		svc.cancelled = make(chan struct{})
		st, err := c.FullDuplexCall(gone)
		if err != nil {
			t.Fatal(err)
		}
		_ = st.Send(&pb.StreamingOutputCallRequest{})
		if _, err := st.Recv(); err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := st.Recv(); status.Code(err) != codes.Canceled {
			t.Error(err)
		}
		<-svc.cancelled
	})
	eventually(t, "nothing in flight", func() bool { return r.e.InFlight() == 0 })
}

// TestGRPCErrors: what the data plane says by itself, a gRPC client understands.
func TestGRPCErrors(t *testing.T) {
	r := newRig(t)
	r.service("none", route.H2C)
	r.service("dead", route.H2C, "dead-1", dead(t))
	r.service("slow", route.H2C, "slow-1", grpcService(t, &testService{cancelled: make(chan struct{})}))
	none, dead := r.edge("x", "none", route.Policy{}), r.edge("x", "dead", route.Policy{})
	slow := r.edge("x", "slow", route.Policy{Timeout: 50 * time.Millisecond})
	refuse := r.listen("refuse/x", route.RoleRefuse, "x", "")
	r.apply()
	for addr, want := range map[string]struct {
		code codes.Code
		text string
	}{
		none:   {codes.Unavailable, "no-ready-instance"},
		dead:   {codes.Unavailable, "upstream-connect"},
		slow:   {codes.DeadlineExceeded, "upstream-timeout"},
		refuse: {codes.PermissionDenied, "call-refused"},
	} {
		var head metadata.MD
		_, err := grpcClient(t, addr).UnaryCall(t.Context(), &pb.SimpleRequest{ResponseSize: -1}, grpc.Header(&head))
		if st := status.Convert(err); st.Code() != want.code || !strings.HasPrefix(st.Message(), want.text) {
			t.Errorf("want %v, got %v", want, err)
		}
	}
}

// TestGRPCMove: an instance that leaves (GOAWAY) and one that comes, under load.
func TestGRPCMove(t *testing.T) {
	r := newRig(t)
	edge := r.edge("x", "s", route.Policy{Timeout: 5 * time.Second, Retries: 2})
	start := func() (string, *grpc.Server) {
		l := mustListen(t)
		srv := grpc.NewServer()
		pb.RegisterTestServiceServer(srv, &testService{})
		go func() { _ = srv.Serve(l) }()
		t.Cleanup(srv.Stop)
		return l.Addr().String(), srv
	}
	addr, srv := start()
	r.service("s", route.H2C, "s-0", addr)
	r.apply()
	c := grpcClient(t, edge)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := c.UnaryCall(context.Background(), &pb.SimpleRequest{ResponseSize: 10}); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for n := range 10 {
		next, nextSrv := start()
		r.service("s", route.H2C, fmt.Sprintf("s-%d", n+1), next)
		r.apply()
		eventually(t, "drained", func() bool { return len(r.e.Draining()) == 0 })
		srv.Stop()
		srv = nextSrv
		time.Sleep(10 * time.Millisecond) //nolint:forbidigo // calls go on meanwhile
	}
	close(stop)
	<-done
}
