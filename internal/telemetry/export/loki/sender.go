package loki

import (
	"context"

	"github.com/banyanrun/banyan/internal/telemetry/export"
	"github.com/banyanrun/banyan/internal/telemetry/export/post"
)

// Sender sends log records.
type Sender struct{ client *post.Client }

var _ export.Sender = (*Sender)(nil)

// New returns a sender.
func New(o post.Options) *Sender { return &Sender{post.New(o)} }

// Close implements export.Sender.
func (s *Sender) Close() { s.client.Close() }

// Send implements export.Sender. Other records than those of logs are passed over. Of
// a request that it refuses, Loki may have taken a part, and does not say which.
func (s *Sender) Send(ctx context.Context, b *export.Batch) (export.Answer, error) {
	if len(b.Logs) == 0 {
		return export.Answer{}, nil
	}
	return s.client.JSON(ctx, "/loki/api/v1/push", pushOf(b.Logs))
}
