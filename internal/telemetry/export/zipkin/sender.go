package zipkin

import (
	"context"

	"github.com/banyanrun/banyan/internal/telemetry/export"
	"github.com/banyanrun/banyan/internal/telemetry/export/post"
)

// Sender sends spans.
type Sender struct{ client *post.Client }

var _ export.Sender = (*Sender)(nil)

// New returns a sender.
func New(o post.Options) *Sender { return &Sender{post.New(o)} }

// Close implements export.Sender.
func (s *Sender) Close() { s.client.Close() }

// Send implements export.Sender. Other records than spans are passed over.
func (s *Sender) Send(ctx context.Context, b *export.Batch) (export.Answer, error) {
	if len(b.Spans) == 0 {
		return export.Answer{}, nil
	}
	spans := make([]*span, len(b.Spans))
	for i := range b.Spans {
		spans[i] = spanOf(&b.Spans[i])
	}
	return s.client.JSON(ctx, "/api/v2/spans", spans)
}
