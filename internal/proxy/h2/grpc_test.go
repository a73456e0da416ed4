package h2

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// grpcEcho is a gRPC server each method of which returns the messages that it gets.
type grpcEcho struct{ echo }

func (g grpcEcho) Headers(s *Stream, h *message.Head, _ bool) {
	s.Owner = &echoing{trailers: []message.Field{{ID: message.GrpcStatus, Value: []byte("0")}}}
	answer := message.Head{Status: 200, Fields: []message.Field{{ID: message.ContentType, Value: []byte("application/grpc")}}}
	s.WriteHead(&answer, false)
}

// TestServesGRPC has grpc-go's client talk to our server: calls and streams, small and large.
func TestServesGRPC(t *testing.T) {
	addr := listen(t, func(conn net.Conn) { _ = drive(conn, New(Config{Server: true, StreamWindow: 20_000}, grpcEcho{}), nil) })
	client, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a net, not a measure
	defer cancel()
	for _, n := range []int{0, 1, 10_000, 300_000} {
		in, out := wrapperspb.String(strings.Repeat("x", n)), &wrapperspb.StringValue{}
		if err := client.Invoke(ctx, "/a.B/C", in, out); err != nil || out.Value != in.Value {
			t.Fatal(n, len(out.Value), err)
		}
	}
	stream, err := client.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/a.B/D")
	if err != nil {
		t.Fatal(err)
	}
	for n := range 200 {
		in, out := wrapperspb.String(strings.Repeat("y", n*100)), &wrapperspb.StringValue{}
		if err := stream.SendMsg(in); err != nil {
			t.Fatal(err)
		}
		if err := stream.RecvMsg(out); err != nil || out.Value != in.Value {
			t.Fatal(n, err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := stream.RecvMsg(&wrapperspb.StringValue{}); err != io.EOF { //nolint:errorlint // grpc returns it as it is
		t.Error(err)
	}
}

// TestCallsGRPC has our client talk to grpc-go's server.
func TestCallsGRPC(t *testing.T) {
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		m := &wrapperspb.StringValue{}
		if err := s.RecvMsg(m); err != nil {
			return err
		}
		return s.SendMsg(m)
	}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	defer func() { <-served }()
	defer server.Stop()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil { // a net, not a measure
		t.Fatal(err)
	}
	x := &grpcCalls{t: t, calls: make(chan func(), 1)}
	x.c = New(Config{StreamWindow: 10_000}, x)
	x.calls <- x.start
	if err := drive(conn, x.c, x.calls); err != nil {
		t.Error(err)
	}
	if x.done != grpcCallCount {
		t.Errorf("%d done", x.done)
	}
}

const grpcCallCount = 20

// grpcCalls calls a gRPC server that echoes.
type grpcCalls struct {
	ignore
	t     *testing.T
	c     *Conn
	calls chan func()
	done  int
}

// grpcCall is one of them.
type grpcCall struct{ sent, rest, got []byte }

func (g *grpcCalls) start() {
	for i := range grpcCallCount {
		s, err := g.c.Open(grpcRequest, false)
		if err != nil {
			g.t.Error(err)
			continue
		}
		// A message is a length of five octets, and a protobuf string of between 128 and 16383.
		n := 130 + i*800
		p := append([]byte{0, 0, 0, byte((n + 3) >> 8), byte(n + 3), 0x0a, byte(n) | 0x80, byte(n >> 7)}, bytes.Repeat([]byte("z"), n)...)
		s.Owner = &grpcCall{sent: p, rest: p}
		g.Writable(s)
	}
}

func (g *grpcCalls) Writable(s *Stream) {
	x := s.Owner.(*grpcCall)
	x.rest = x.rest[s.WriteData(x.rest, true):]
}

func (g *grpcCalls) Data(s *Stream, p []byte, _ bool) {
	x := s.Owner.(*grpcCall)
	x.got = append(x.got, p...)
	s.Consumed(len(p))
}

func (g *grpcCalls) Trailers(s *Stream, h *message.Head) {
	x := s.Owner.(*grpcCall)
	if string(h.Get(message.GrpcStatus)) != "0" || !bytes.Equal(x.got, x.sent) {
		g.t.Errorf("status %q, %d bytes of %d", h.Get(message.GrpcStatus), len(x.got), len(x.sent))
	}
	s.Release()
	g.finish()
}

func (g *grpcCalls) Reset(s *Stream, code Code) {
	g.t.Errorf("reset: %v", code)
	s.Release()
	g.finish()
}

func (g *grpcCalls) finish() {
	if g.done++; g.done == grpcCallCount {
		close(g.calls)
	}
}
