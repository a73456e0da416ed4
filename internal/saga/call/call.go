package call

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/saga/machine"
)

// BodyMost is the most bytes of a response that count.
const BodyMost = 1 << 20

// errorMost bounds what is kept of an error's text.
const errorMost = 500

// Target is where requests for a service are taken.
type Target struct {
	Address string // host:port
	H2C     bool   // the service speaks HTTP/2 without TLS
}

// Options of a Caller.
type Options struct {
	// Target returns where requests for a service are taken, and false while there is no such place.
	Target func(service string) (Target, bool)
	// HTTP and H2C make requests. Nil: transports of the Caller's own.
	HTTP, H2C http.RoundTripper
	// Around is put around both. Nil: nothing is.
	Around func(http.RoundTripper) http.RoundTripper
}

// Caller makes requests. Its methods are safe for concurrent use.
type Caller struct {
	target    func(string) (Target, bool)
	http, h2c *http.Client
	types     types
}

// New returns a Caller.
func New(o Options) *Caller {
	if o.HTTP == nil {
		o.HTTP = newTransport()
	}
	if o.H2C == nil {
		t := newTransport()
		t.Protocols = new(http.Protocols)
		t.Protocols.SetUnencryptedHTTP2(true)
		o.H2C = t
	}
	if o.Around != nil {
		o.HTTP, o.H2C = o.Around(o.HTTP), o.Around(o.H2C)
	}
	return &Caller{target: o.Target, http: client(o.HTTP), h2c: client(o.H2C)}
}

// newTransport is for the loopback: proxies and compression are of no use.
func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		MaxIdleConns:        1024,
		MaxIdleConnsPerHost: 256,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true,
	}
}

func client(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close ends connections that are idle.
func (c *Caller) Close() {
	c.http.CloseIdleConnections()
	c.h2c.CloseIdleConnections()
}

// Call makes one attempt for saga id, whose traceparent is trace.
func (c *Caller) Call(ctx context.Context, id, trace string, m machine.Call) machine.Outcome {
	target, ok := c.target(m.Request.Service)
	if !ok {
		return later("the service is not reachable yet")
	}
	ctx, cancel := context.WithTimeout(ctx, m.Timeout)
	defer cancel()
	r := request{
		target: target, method: m.Request.Method, path: m.Request.Path, body: m.Request.Body,
		header: header(id, trace, m.Key, m.Attempt, m.Timeout), timeout: m.Timeout,
	}
	if target.H2C && r.method == http.MethodPost && isProcedure(r.path) {
		return c.grpc(ctx, m.Request.Service, r)
	}
	return c.plain(ctx, r)
}

// Poll asks after a request that is pending.
func (c *Caller) Poll(ctx context.Context, id, trace string, m machine.Poll) machine.Outcome {
	target, ok := c.target(m.Service)
	if !ok {
		return later("the service is not reachable yet")
	}
	ctx, cancel := context.WithTimeout(ctx, m.Timeout)
	defer cancel()
	path, err := onService(m.URL)
	if err != nil {
		return attention(0, "the Location of the answer before is no address: "+err.Error())
	}
	return c.plain(ctx, request{
		target: target, method: http.MethodGet, path: path,
		header: header(id, trace, m.Key, m.Attempt, m.Timeout), timeout: m.Timeout,
	})
}

// onService returns the path and query of an address.
func onService(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(u.Path, "/") {
		u.Path = "/" + u.Path
	}
	return u.RequestURI(), nil
}

// request is what is sent by either protocol.
type request struct {
	target       Target
	method, path string
	body         []byte
	header       http.Header
	timeout      time.Duration
}

func header(id, trace, key string, attempt int, timeout time.Duration) http.Header {
	return http.Header{
		"User-Agent":      {"banyan"},
		"Accept":          {"application/json"},
		"Idempotency-Key": {key},
		"Banyan-Saga":     {id},
		"Banyan-Attempt":  {strconv.Itoa(attempt)},
		"Banyan-Deadline": {strconv.FormatInt(max(1, timeout.Milliseconds()), 10)}, // as the data plane has it
		"Traceparent":     {span(trace)},
	}
}

// span returns a traceparent in the trace of another, with a new span.
func span(trace string) string {
	const flags = 53 // where the last part begins: https://www.w3.org/TR/trace-context/#traceparent-header
	if len(trace) != flags+2 {
		return trace
	}
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return trace[:36] + hex.EncodeToString(b[:]) + trace[flags-1:]
}

func (c *Caller) plain(ctx context.Context, r request) machine.Outcome {
	req, err := http.NewRequestWithContext(ctx, r.method, "http://"+r.target.Address+r.path, bytes.NewReader(r.body))
	if err != nil {
		return attention(0, "the request cannot be made: "+err.Error())
	}
	req.Header = r.header
	if len(r.body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	// With an Idempotency-Key the transport sends it again, as the same attempt,
	// where a connection that was idle turns out to be closed.
	resp, err := c.http.Do(req)
	if err != nil {
		return lost(err, r.timeout)
	}
	defer resp.Body.Close()
	body, err := read(resp.Body)
	return judge(resp, body, err)
}

// lost is for requests that got no answer.
func lost(err error, timeout time.Duration) machine.Outcome {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return later(err.Error())
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return unknown(0, fmt.Sprintf("no answer within %v", timeout))
	}
	return unknown(0, err.Error())
}

// later is for requests that were not sent.
func later(text string) machine.Outcome {
	return machine.Outcome{Kind: machine.OutcomeLater, Error: shorten(text), Unsent: true}
}

func attention(status int, text string) machine.Outcome {
	return machine.Outcome{Kind: machine.OutcomeAttention, Status: status, Error: shorten(text)}
}

func unknown(status int, text string) machine.Outcome {
	return machine.Outcome{Kind: machine.OutcomeUnknown, Status: status, Error: shorten(text)}
}

func shorten(s string) string {
	if len(s) > errorMost {
		s = s[:errorMost]
	}
	return strings.ToValidUTF8(s, "�")
}
