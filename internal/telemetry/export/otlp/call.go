package otlp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	"github.com/banyanrun/banyan/internal/telemetry/export"
	"github.com/banyanrun/banyan/internal/telemetry/export/post"
)

// raw is a message as it is on the wire.
type raw struct{ body []byte }

// codec hands messages on as they are. Connect reads gRPC's statuses by it too.
type codec struct{}

var _ connect.Codec = codec{}

// Name implements connect.Codec.
func (codec) Name() string { return "proto" }

// Marshal implements connect.Codec.
func (codec) Marshal(v any) ([]byte, error) {
	m, ok := v.(*raw)
	if !ok {
		return nil, fmt.Errorf("%T is no message of OTLP", v)
	}
	return m.body, nil
}

// Unmarshal implements connect.Codec.
func (codec) Unmarshal(data []byte, v any) error {
	switch m := v.(type) {
	case *raw:
		m.body = bytes.Clone(data) // data is used again
		return nil
	case proto.Message:
		return proto.Unmarshal(data, m)
	}
	return fmt.Errorf("%T is no message of OTLP", v)
}

// call sends by gRPC.
func (s *Sender) call(ctx context.Context, q *post.Request, m *message, body []byte) (export.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.client.Timeout())
	defer cancel()
	sent := &counted{client: s.client}
	client := connect.NewClient[raw, raw](sent, q.URL.JoinPath(m.procedure).String(),
		connect.WithGRPC(), connect.WithCodec(codec{}), connect.WithSendGzip(), connect.WithReadMaxBytes(answerMost))
	request := connect.NewRequest(&raw{body})
	maps.Copy(request.Header(), q.Header)
	r, err := client.CallUnary(ctx, request)
	a := export.Answer{Bytes: int(sent.bytes)}
	if err != nil {
		return a, s.failure(ctx, q, err)
	}
	refused, why, err := readAnswer(r.Msg.body, false)
	if err != nil {
		return a, &export.Failure{Kind: export.Barred, Err: errors.New("what answers there is no receiver of OTLP: its answer cannot be read")}
	}
	return refusing(a, q, refused, why), nil
}

// failure is what a status of gRPC means, as OTLP has it.
func (s *Sender) failure(ctx context.Context, q *post.Request, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("it did not answer within %s", s.client.Timeout())
	}
	e, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return q.Scrub(err)
	}
	f := &export.Failure{Kind: export.Never, Err: q.Scrub(err)}
	for _, d := range e.Details() {
		if v, err := d.Value(); err == nil {
			if info, ok := v.(*errdetails.RetryInfo); ok {
				f.Kind, f.After = export.Later, info.GetRetryDelay().AsDuration()
			}
		}
	}
	if !connect.IsWireError(err) {
		// Nobody answered, or not by gRPC: that may pass.
		f.Kind = export.Later
		return f
	}
	switch e.Code() {
	case connect.CodeCanceled, connect.CodeDeadlineExceeded, connect.CodeAborted, connect.CodeOutOfRange, connect.CodeUnavailable, connect.CodeDataLoss:
		f.Kind = export.Later
	case connect.CodeUnauthenticated, connect.CodePermissionDenied, connect.CodeUnimplemented:
		f.Kind = export.Barred
	}
	return f
}

// counted counts the bytes of requests.
type counted struct {
	client *post.Client
	bytes  int64
}

// Do implements connect.HTTPClient.
func (c *counted) Do(r *http.Request) (*http.Response, error) {
	if r.ContentLength > 0 {
		c.bytes += r.ContentLength
	}
	return c.client.Do(r)
}
