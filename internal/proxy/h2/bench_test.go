package h2

import (
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// unary is both sides of gRPC calls without anything between them.
type unary struct {
	ignore
	spare []*message.Head
	done  bool
}

func (u *unary) NewHead() *message.Head {
	if n := len(u.spare); n > 0 {
		h := u.spare[n-1]
		u.spare = u.spare[:n-1]
		return h
	}
	return new(message.Head)
}

func (u *unary) free(h *message.Head) {
	h.Reset()
	u.spare = append(u.spare, h)
}

var (
	grpcAnswer = &message.Head{
		Status: 200, Body: message.Streamed, Fields: []message.Field{{ID: message.ContentType, Value: []byte("application/grpc")}},
	}
	grpcTrailers = []message.Field{{ID: message.GrpcStatus, Value: []byte("0")}, {ID: message.GrpcMessage}}
	grpcRequest  = &message.Head{
		Method: []byte("POST"), Scheme: []byte("http"), Authority: []byte("cart.shop.internal:8080"),
		Path: []byte("/shop.v1.Cart/AddItem"), Body: message.Streamed, TE: true,
		Fields: []message.Field{
			{ID: message.ContentType, Value: []byte("application/grpc")},
			{ID: message.UserAgent, Value: []byte("grpc-go/1.85.0")},
			{ID: message.GrpcTimeout, Value: []byte("4999m")},
			{ID: message.Traceparent, Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")},
		},
	}
	grpcMessage = make([]byte, 120)
)

func (u *unary) Headers(s *Stream, h *message.Head, _ bool) { u.free(h) }

func (u *unary) Data(s *Stream, p []byte, end bool) {
	s.Consumed(len(p))
	if end {
		s.WriteHead(grpcAnswer, false)
		s.WriteData(grpcMessage, false)
		s.WriteTrailers(grpcTrailers)
		s.Release()
	}
}

func (u *unary) Trailers(s *Stream, h *message.Head) {
	u.free(h)
	s.Release()
	u.done = true
}

// exchange is one call from Open to Release, with all that both sides do.
func (u *unary) exchange(tb testing.TB, client, server *Conn) {
	tb.Helper()
	u.done = false
	s, err := client.Open(grpcRequest, false)
	if err != nil {
		tb.Fatal(err)
	}
	s.WriteData(grpcMessage, true)
	pump(tb, client, server)
	pump(tb, server, client)
	if !u.done {
		tb.Fatal("not answered")
	}
}

func pump(tb testing.TB, from, to *Conn) {
	tb.Helper()
	if err := to.Feed(from.Out(), 0); err != nil {
		tb.Fatal(err)
	}
	from.Flushed(len(from.Out()))
}

func pairUp(tb testing.TB) (u *unary, client, server *Conn) {
	tb.Helper()
	u = &unary{}
	client, server = New(Config{}, u), New(Config{Server: true}, u)
	for range 2 {
		pump(tb, client, server)
		pump(tb, server, client)
	}
	return u, client, server
}

// BenchmarkUnary is a gRPC call, client's and server's part together.
func BenchmarkUnary(b *testing.B) {
	u, client, server := pairUp(b)
	b.ReportAllocs()
	for b.Loop() {
		u.exchange(b, client, server)
	}
}

// BenchmarkData is 16 KiB of a body, written, read and consumed.
func BenchmarkData(b *testing.B) {
	u, client, server := pairUp(b)
	s, err := client.Open(grpcRequest, false)
	if err != nil {
		b.Fatal(err)
	}
	_ = u
	p := make([]byte, minFrame)
	b.SetBytes(minFrame)
	b.ReportAllocs()
	for b.Loop() {
		if s.WriteData(p, false) != len(p) {
			b.Fatal("short")
		}
		pump(b, client, server)
		pump(b, server, client)
	}
}

// TestNoAllocation: a connection that has warmed up allocates nothing for a call.
func TestNoAllocation(t *testing.T) {
	u, client, server := pairUp(t)
	for range 5000 { // past every table's growth
		u.exchange(t, client, server)
	}
	if n := testing.AllocsPerRun(2000, func() { u.exchange(t, client, server) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
