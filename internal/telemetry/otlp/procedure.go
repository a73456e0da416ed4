package otlp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// message is a request or an answer as it is on the wire.
type message struct {
	as   form
	body []byte
}

// codec hands messages on as they are: they are decoded as those of HTTP are. Connect
// writes its own statuses by it too.
type codec struct{ as form }

var _ connect.Codec = codec{}

// Name implements connect.Codec.
func (c codec) Name() string {
	if c.as == text {
		return "json"
	}
	return "proto"
}

// Marshal implements connect.Codec.
func (c codec) Marshal(v any) ([]byte, error) {
	switch m := v.(type) {
	case *message:
		return m.body, nil
	case proto.Message:
		return proto.Marshal(m)
	}
	return nil, fmt.Errorf("%T is no message of OTLP", v)
}

// Unmarshal implements connect.Codec.
func (c codec) Unmarshal(data []byte, v any) error {
	m, ok := v.(*message)
	if !ok {
		return fmt.Errorf("%T is no message of OTLP", v)
	}
	m.as, m.body = c.as, bytes.Clone(data) // data is used again
	return nil
}

// procedure answers the gRPC of a kind, and with it Connect and gRPC-Web.
func (r *Receiver) procedure(k *kind) http.Handler {
	export := func(ctx context.Context, q *connect.Request[message]) (*connect.Response[message], error) {
		no, err := k.take(ctx, r, q.Msg.as, q.Msg.body)
		if err != nil {
			return nil, r.failureOf(ctx, err).rpc()
		}
		return connect.NewResponse(&message{body: k.success(q.Msg.as, &no)}), nil
	}
	handler := connect.NewUnaryHandler(k.procedure, export,
		connect.WithCodec(codec{binary}), connect.WithCodec(codec{text}), connect.WithReadMaxBytes(MaxBody))
	failures := connect.NewErrorWriter()
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		share := r.room.Enter()
		defer share.Leave()
		read, err := share.unpack(q)
		if err != nil {
			_ = failures.Write(w, q, r.failureOf(q.Context(), err).rpc()) // the sender is gone, or it gets it
			return
		}
		handler.ServeHTTP(w, read)
	})
}

// rpc is a failure with RetryInfo if trying again helps: senders retry no other.
func (f *failure) rpc() error {
	err := connect.NewError(connect.Code(f.code), errors.New(f.message))
	if f.retry > 0 {
		if d, e := connect.NewErrorDetail(&errdetails.RetryInfo{RetryDelay: durationpb.New(f.retry)}); e == nil {
			err.AddDetail(d)
		}
	}
	return err
}
