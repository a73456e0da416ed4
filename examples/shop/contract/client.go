package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// forwarded are the headers of an incoming request that its outgoing calls carry on.
var forwarded = []string{"Traceparent", "Tracestate", "X-Request-Id"}

type forwardedKey struct{}

func withForwarded(ctx context.Context, header http.Header) context.Context {
	keep := http.Header{}
	for _, name := range forwarded {
		if values := header.Values(name); len(values) > 0 {
			keep[name] = values
		}
	}
	return context.WithValue(ctx, forwardedKey{}, keep)
}

// Forwarded gives the headers of the incoming request that ctx belongs to which its outgoing calls carry on.
func Forwarded(ctx context.Context) http.Header {
	if keep, ok := ctx.Value(forwardedKey{}).(http.Header); ok {
		return keep.Clone()
	}
	return http.Header{}
}

// Client calls one other service. It is safe for concurrent use. It has no timeout of its own: the context has.
type Client struct {
	base string
	http *http.Client
}

// NewClient makes a client for the service at base, such as http://127.0.0.1:20001.
func NewClient(base string) *Client {
	return &Client{base: strings.TrimRight(base, "/"), http: NewHTTP()}
}

// NewHTTP makes an HTTP client that keeps enough connections for a service under load. It has no timeout: contexts have.
func NewHTTP() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute}}
}

// Do sends in as JSON and decodes the answer into out; both may be nil. An answer of 400 or more is returned as a *Problem.
// After any other error it is unknown whether the service has done what it was asked.
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	request, err := c.request(ctx, method, path, in)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return fmt.Errorf("%s %s: reading the answer: %w", method, path, err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return problemOf(response.StatusCode, body)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, method, path string, in any) (*http.Request, error) {
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	request.Header = Forwarded(ctx)
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, nil
}

// problemOf reads a problem out of an answer, or makes one where the answer is something else.
func problemOf(status int, body []byte) *Problem {
	problem := NewProblem(status, "", "")
	if json.Unmarshal(body, problem) != nil {
		problem = NewProblem(status, "", string(bytes.TrimSpace(body[:min(len(body), 200)])))
	}
	problem.Status = status
	return problem
}
