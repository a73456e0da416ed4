package proxy

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/banyanrun/banyan/internal/route"
)

// TestGRPCToHTTP1: calls that need no HTTP/2 reach a service that speaks HTTP/1.1
// alone, as Banyan itself does: its trailers are chunked there and a block of fields here.
func TestGRPCToHTTP1(t *testing.T) {
	const unary, stream = "/grpc.testing.TestService/UnaryCall", "/grpc.testing.TestService/StreamingOutputCall"
	mux := http.NewServeMux()
	mux.Handle(unary, connect.NewUnaryHandler(unary, func(_ context.Context, r *connect.Request[pb.SimpleRequest]) (*connect.Response[pb.SimpleResponse], error) {
		if st := r.Msg.GetResponseStatus(); st != nil {
			return nil, connect.NewError(connect.Code(st.GetCode()), errors.New(st.GetMessage()))
		}
		res := connect.NewResponse(&pb.SimpleResponse{Payload: r.Msg.GetPayload(), Username: r.Header().Get("Banyan-Caller")})
		res.Trailer().Set("x-end", "1")
		return res, nil
	}))
	mux.Handle(stream, connect.NewServerStreamHandler(stream,
		func(_ context.Context, r *connect.Request[pb.StreamingOutputCallRequest], s *connect.ServerStream[pb.StreamingOutputCallResponse]) error {
			for range r.Msg.GetResponseParameters() {
				if err := s.Send(&pb.StreamingOutputCallResponse{}); err != nil {
					return err
				}
			}
			return connect.NewError(connect.CodeDataLoss, errors.New("100 % ü"))
		}))
	p := newPlatform(t)
	p.handler = mux
	p.begin()
	r := newRig(t)
	r.service(route.Platform, route.HTTP1, route.Platform, p.addr())
	edge := r.edge("order", route.Platform, route.Policy{Timeout: 30 * time.Second, Wait: 10 * time.Second, Outlier: &route.Outlier{}})
	r.apply()
	c := grpcClient(t, edge)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()

	for _, size := range []int{0, 10, 300_000} {
		var trail metadata.MD
		body := bytes.Repeat([]byte("x"), size)
		res, err := c.UnaryCall(ctx, &pb.SimpleRequest{Payload: &pb.Payload{Body: body}}, grpc.Trailer(&trail))
		if err != nil || !bytes.Equal(res.GetPayload().GetBody(), body) || res.GetUsername() != "order" || len(trail.Get("x-end")) != 1 {
			t.Errorf("%d bytes: %d bytes, %v, trailers %v", size, len(res.GetPayload().GetBody()), err, trail)
		}
	}
	_, err := c.UnaryCall(ctx, &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Code: 8, Message: "full: 100 % ü"}})
	if s := status.Convert(err); s.Code() != codes.ResourceExhausted || s.Message() != "full: 100 % ü" {
		t.Error(err)
	}
	out, err := c.StreamingOutputCall(ctx, &pb.StreamingOutputCallRequest{ResponseParameters: []*pb.ResponseParameters{{}, {}, {}}})
	count := 0
	for err == nil {
		if _, err = out.Recv(); err == nil {
			count++
		}
	}
	if s := status.Convert(err); count != 3 || s.Code() != codes.DataLoss || s.Message() != "100 % ü" {
		t.Errorf("%d messages, then %v", count, err)
	}
}
