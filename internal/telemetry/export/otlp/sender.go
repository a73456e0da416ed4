package otlp

import (
	"context"
	"errors"
	"mime"
	"net/http"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/banyanrun/banyan/internal/telemetry/export"
	"github.com/banyanrun/banyan/internal/telemetry/export/post"
	"github.com/banyanrun/banyan/internal/telemetry/otlp"
)

// answerMost bounds what of an answer is read.
const answerMost = 64 << 10

// Sender sends by OTLP.
type Sender struct {
	client *post.Client
	grpc   bool
}

var _ export.Sender = (*Sender)(nil)

// New returns a sender. With grpc it speaks gRPC, or else HTTP.
func New(o post.Options, grpc bool) *Sender {
	o.HTTP2 = grpc
	return &Sender{client: post.New(o), grpc: grpc}
}

// Close implements export.Sender.
func (s *Sender) Close() { s.client.Close() }

// message is a request.
type message struct {
	path, procedure string
	body            func() ([]byte, error)
}

// Send implements export.Sender.
func (s *Sender) Send(ctx context.Context, b *export.Batch) (export.Answer, error) {
	m := messageOf(b)
	body, err := m.body()
	if err != nil {
		return export.Answer{}, &export.Failure{Kind: export.Never, Err: err}
	}
	q, err := s.client.Prepare()
	if err != nil {
		return export.Answer{}, err
	}
	if s.grpc {
		return s.call(ctx, q, &m, body)
	}
	r, err := s.client.Post(ctx, q, m.path, "application/x-protobuf", body, answerMost)
	if err != nil {
		return export.Answer{}, err
	}
	a := export.Answer{Bytes: r.Sent}
	if f := q.Failure(r, said(r), func(int) bool { return false }); f != nil {
		return a, f
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // what it is not, the next lines say
	if len(r.Body) > 0 && kind != "application/x-protobuf" && kind != "application/json" {
		return a, &export.Failure{Kind: export.Barred, Err: errors.New("what answers there is no receiver of OTLP: " + q.Said(r.Status, string(r.Body)).Error())}
	}
	refused, why, err := readAnswer(r.Body, kind == "application/json")
	if err != nil {
		return a, &export.Failure{Kind: export.Barred, Err: errors.New("what answers there is no receiver of OTLP: its answer cannot be read")}
	}
	return refusing(a, q, refused, why), nil
}

// refusing adds what was refused of a batch that was taken otherwise.
func refusing(a export.Answer, q *post.Request, refused int64, why string) export.Answer {
	if refused > 0 {
		a.Refused = map[string]int{"refused by the target": int(refused)}
		a.Why = q.Said(http.StatusOK, why)
	}
	return a
}

func messageOf(b *export.Batch) message {
	switch b.Signal {
	case export.Traces:
		return message{
			"/v1/traces", "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
			func() ([]byte, error) {
				return (&ptrace.ProtoMarshaler{}).MarshalTraces(otlp.Traces(together(b.Spans, spanResource)))
			},
		}
	case export.Logs:
		return message{
			"/v1/logs", "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
			func() ([]byte, error) {
				return (&plog.ProtoMarshaler{}).MarshalLogs(otlp.Logs(together(b.Logs, logResource)))
			},
		}
	case export.Metrics:
	}
	return message{
		"/v1/metrics", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
		func() ([]byte, error) { return (&pmetric.ProtoMarshaler{}).MarshalMetrics(points(b.Points)) },
	}
}

// said is what an answer that refuses says: the message of a google.rpc.Status, or text.
func said(r *post.Response) string {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // what is no status is a text
	if kind == "application/x-protobuf" {
		var s status.Status
		if proto.Unmarshal(r.Body, &s) == nil {
			return s.GetMessage()
		}
		return ""
	}
	return string(r.Body)
}
