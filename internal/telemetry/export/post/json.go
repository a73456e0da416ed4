package post

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/banyanrun/banyan/internal/telemetry/export"
)

// refusalMost bounds what of an answer is read that only says something of refusals.
const refusalMost = 64 << 10

// JSON sends a value as a whole batch, of which the server takes all or nothing.
func (c *Client) JSON(ctx context.Context, path string, value any) (export.Answer, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return export.Answer{}, &export.Failure{Kind: export.Never, Err: err}
	}
	q, err := c.Prepare()
	if err != nil {
		return export.Answer{}, err
	}
	r, err := c.Post(ctx, q, path, "application/json", body, refusalMost)
	if err != nil {
		return export.Answer{}, err
	}
	a := export.Answer{Bytes: r.Sent}
	if f := q.Failure(r, string(r.Body), func(status int) bool { return status >= http.StatusInternalServerError }); f != nil {
		return a, f
	}
	return a, nil
}
