package bus

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/flow"
	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/crashpoint"
)

// Bounds of what is kept of an answer.
const (
	responseMost = 64 << 10 // bytes that are read, so that the connection can be used again
	responseKept = 4 << 10
	errorKept    = 500
)

// connsKept to a service that are not in use: as many as a subscription may have
// deliveries in flight, as each would dial anew otherwise.
const connsKept = 1000

// client posts events to services.
type client struct {
	http *http.Client
	// address returns host:port where requests for a service are taken, and false
	// while there is none.
	address func(service string) (string, bool)
}

// newTransport returns what deliveries go through by default: the data plane is
// on the loopback, so proxies and HTTP/2 are of no use.
func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		MaxIdleConnsPerHost: connsKept,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true,
	}
}

func newClient(transport http.RoundTripper, address func(string) (string, bool)) *client {
	return &client{
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		address: address,
	}
}

// message is one delivery.
type message struct {
	to      Subscription
	at      engine.Position
	record  *engine.Record
	attempt int
	replay  string // the replay's identity; empty: none
}

// answer is what came of a delivery.
type answer struct {
	outcome  flow.Outcome
	after    time.Duration // of flow.Hold
	status   int           // 0: no answer came
	err      string        // empty with flow.Done
	response []byte
}

// unseen are the data plane's own answers that say that no instance got the request.
// Banyan's own calls are refused where a connection was kept to an address which has
// become another service's.
var unseen = set("call-refused", "no-ready-instance", "overloaded", "breaker-open", "bulkhead-full", "upstream-connect", "out-of-resources")

// post makes one delivery and judges what came of it.
func (c *client) post(ctx context.Context, m message) (a answer) {
	defer func() {
		if defect := recover(); defect != nil {
			a = answer{outcome: flow.Failed, err: shorten(fmt.Sprintf("a defect of Banyan: %v", defect))}
		}
	}()
	address, ok := c.address(m.to.Service)
	if !ok {
		return answer{outcome: flow.Unseen, err: "the service is not reachable yet"}
	}
	ctx, cancel := context.WithTimeout(ctx, m.to.Timeout)
	defer cancel()
	req, err := c.request(ctx, address, m)
	if err != nil {
		return answer{outcome: flow.Failed, err: shorten(err.Error())}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return lost(err, m.to.Timeout)
	}
	crashpoint.Pass(crashpoint.DeliverSent)
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, responseMost))
	if err != nil && resp.StatusCode/100 != 2 {
		return lost(err, m.to.Timeout)
	}
	return judge(resp, body)
}

// lost is for requests that got no answer.
func lost(err error, timeout time.Duration) answer {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return answer{outcome: flow.Unseen, err: shorten(err.Error())}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return answer{outcome: flow.Failed, err: fmt.Sprintf("no answer within %v", timeout)}
	}
	return answer{outcome: flow.Failed, err: shorten(err.Error())}
}

// judge applies the rules of the CloudEvents webhook specification, and the data
// plane's word on who saw the request.
func judge(resp *http.Response, body []byte) answer {
	a := answer{outcome: flow.Failed, status: resp.StatusCode, err: "the answer was " + resp.Status, response: body[:min(len(body), responseKept)]}
	code := resp.Header.Get("Banyan-Error")
	after, wait := retryAfter(resp.Header.Get("Retry-After"))
	switch {
	case code != "":
		a.err = "the data plane answered " + code
		if unseen[code] {
			a.outcome = flow.Unseen
		}
	case resp.StatusCode/100 == 2:
		a.outcome, a.err = flow.Done, ""
	case resp.StatusCode == http.StatusGone:
		a.outcome = flow.Gone
	case (resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable) && wait:
		a.outcome, a.after = flow.Hold, after
	case resp.StatusCode/100 == 3:
		a.err += "; redirects are not followed"
	}
	return a
}

// retryAfter reads both forms of RFC 9110, section 10.2.3.
func retryAfter(value string) (time.Duration, bool) {
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(n) * time.Second, true
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(at)), true
	}
	return 0, false
}

func (c *client) request(ctx context.Context, address string, m message) (*http.Request, error) {
	e := event(m.record)
	header := http.Header{}
	body := e.Data
	if m.to.Structured {
		body = e.AppendJSON(nil)
		header.Set("Content-Type", cloudevent.StructuredType)
	} else {
		e.WriteHeader(header)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+m.to.Path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	header.Set("User-Agent", "banyan")
	header.Set("Banyan-Delivery", delivery(m.to.Topic, m.to.Service, m.record))
	header.Set("Banyan-Attempt", strconv.Itoa(m.attempt))
	header.Set("Banyan-Topic", m.to.Topic)
	header.Set("Banyan-Sequence", sequence(m.at))
	header.Set("Banyan-Deadline", strconv.FormatInt(max(1, m.to.Timeout.Milliseconds()), 10)) // as the data plane has it
	header.Set("WebHook-Request-Origin", Platform)
	header.Set("traceparent", traceparent(m.record))
	if state := attribute(m.record, "tracestate"); state != "" {
		header.Set("tracestate", state)
	}
	if m.replay != "" {
		header.Set("Banyan-Replay", m.replay)
	}
	req.Header = header
	return req, nil
}

// traceparent returns the event's trace context, or a new one.
func traceparent(r *engine.Record) string {
	if value := attribute(r, "traceparent"); value != "" {
		return value
	}
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("00-%x-%x-01", b[:16], b[16:])
}

func shorten(s string) string {
	if len(s) > errorKept {
		s = s[:errorKept]
	}
	return strings.ToValidUTF8(s, "�")
}
