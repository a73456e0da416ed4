package post

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/banyanrun/banyan/internal/telemetry/export"
)

// Options say to whom a Client sends. Texts may have references to secrets in them.
type Options struct {
	URL     string
	Headers map[string]string
	// Expand replaces references by values, each time that something is sent: a secret
	// may be set later. Nil: there are none.
	Expand func(text string) (string, error)
	// Timeout bounds an attempt.
	Timeout time.Duration
	// HTTP2 says that the server speaks nothing else, also without TLS.
	HTTP2 bool
}

// Client sends to one server. It may be used by several goroutines.
type Client struct {
	options Options
	client  *http.Client
}

// connections bounds those to a server.
const connections = 4

// New returns a client.
func New(o Options) *Client {
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxConnsPerHost: connections, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second,
		DisableCompression: true, Protocols: new(http.Protocols),
	}
	t.Protocols.SetHTTP2(true)
	t.Protocols.SetUnencryptedHTTP2(o.HTTP2)
	t.Protocols.SetHTTP1(!o.HTTP2)
	return &Client{options: o, client: &http.Client{
		Transport: t,
		// One that is followed loses the body, and its end says 200 to nothing.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close ends the connections that are idle.
func (c *Client) Close() { c.client.CloseIdleConnections() }

// Request is what is sent in one attempt: a server, and what to say to it.
type Request struct {
	URL    *url.URL
	Header http.Header
	secret []string
}

// untraced begins the ids of a trace of which no hop is kept.
const untraced = "00-%s-%s-00"

// Prepare fills the secrets in.
func (c *Client) Prepare() (*Request, error) {
	q := &Request{Header: http.Header{}}
	text, err := c.expand(q, c.options.URL)
	if err != nil {
		return nil, err
	}
	if q.URL, err = url.Parse(strings.TrimSpace(text)); err != nil || q.URL.Host == "" || q.URL.Scheme != "http" && q.URL.Scheme != "https" {
		return nil, &export.Failure{Kind: export.Barred, Err: errors.New("its url is none with http or https")} // err would say it
	}
	for name, value := range c.options.Headers {
		if value, err = c.expand(q, value); err != nil {
			return nil, err
		}
		q.Header.Set(name, value)
	}
	var id [24]byte
	_, _ = rand.Read(id[:]) // it never fails
	q.Header.Set("Traceparent", fmt.Sprintf(untraced, hex.EncodeToString(id[:16]), hex.EncodeToString(id[16:])))
	q.Header.Set("User-Agent", "Banyan")
	if u := q.URL.User; u != nil {
		password, _ := u.Password()
		basic := http.Request{Header: q.Header}
		basic.SetBasicAuth(u.Username(), password)
		q.URL.User = nil
	}
	return q, nil
}

func (c *Client) expand(q *Request, text string) (string, error) {
	if c.options.Expand == nil {
		return text, nil
	}
	value, err := c.options.Expand(text)
	if err != nil {
		return "", &export.Failure{Kind: export.Barred, Err: err}
	}
	if value != text {
		// What is around a reference may be said: what was put in its place may not.
		before, rest, _ := strings.Cut(text, "${")
		after := rest[strings.LastIndexByte(rest, '}')+1:]
		q.secret = append(q.secret, strings.TrimSuffix(strings.TrimPrefix(value, before), after))
	}
	return value, nil
}

// Response is an answer.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	Sent   int // bytes of the request's body
}

// Post sends a body, compressed. An answer that has more than most bytes is cut.
func (c *Client) Post(ctx context.Context, q *Request, path, mediaType string, body []byte, most int64) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err == nil {
		_, err = w.Write(body)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, q.URL.JoinPath(path).String(), bytes.NewReader(packed.Bytes()))
	if err != nil {
		return nil, q.Scrub(err)
	}
	r.Header = q.Header.Clone()
	r.Header.Set("Content-Type", mediaType)
	r.Header.Set("Content-Encoding", "gzip")
	resp, err := c.client.Do(r)
	if err != nil {
		return nil, c.failed(ctx, q, err)
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return nil, c.failed(ctx, q, err)
	}
	return &Response{Status: resp.StatusCode, Header: resp.Header, Body: said, Sent: packed.Len()}, nil
}

// Do is http.Client.Do for those who make requests of their own, such as gRPC's.
func (c *Client) Do(r *http.Request) (*http.Response, error) {
	return c.client.Do(r) //nolint:gosec // to where the app file says
}

// Timeout bounds an attempt.
func (c *Client) Timeout() time.Duration { return c.options.Timeout }

func (c *Client) failed(ctx context.Context, q *Request, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("it did not answer within %s", c.options.Timeout)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // a token may be a part of the URL
	}
	return q.Scrub(err)
}

// Scrub is an error without the secrets that were sent.
func (q *Request) Scrub(err error) error {
	if err == nil {
		return nil
	}
	said := err.Error()
	if clean := q.Clean(said); clean != said {
		return errors.New(clean)
	}
	return err
}

// Clean is what a server said without what it must not repeat.
func (q *Request) Clean(said string) string {
	texts := append(slices.Clone(q.secret), q.URL.RawQuery, q.URL.EscapedPath())
	if _, password, ok := strings.Cut(q.Header.Get("Authorization"), " "); ok {
		texts = append(texts, password)
	}
	slices.SortFunc(texts, func(a, b string) int { return len(b) - len(a) })
	for _, text := range texts {
		if len(text) > 3 {
			said = strings.ReplaceAll(said, text, "…")
		}
	}
	return said
}
