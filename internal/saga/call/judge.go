package call

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/banyanrun/banyan/internal/saga/machine"
)

// What the protocol of steps calls a business no.
const (
	outcomeHeader = "Banyan-Outcome"
	abort         = "abort"
)

var errLarge = errors.New("it is larger than 1 MiB")

// read returns at most BodyMost bytes; more are an error.
func read(body io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(body, BodyMost+1))
	if len(b) > BodyMost {
		return b[:BodyMost], errLarge
	}
	return b, err
}

// unseen are the data plane's own answers that say that no instance got the
// request: as there is none that works, or as there is too much to do. Banyan's own
// calls are refused where a connection was kept to an address which has become another
// service's.
var unseen = map[string]machine.OutcomeKind{
	"call-refused":      machine.OutcomeAway,
	"no-ready-instance": machine.OutcomeAway, "breaker-open": machine.OutcomeAway, "upstream-connect": machine.OutcomeAway,
	"overloaded": machine.OutcomeLater, "bulkhead-full": machine.OutcomeLater, "out-of-resources": machine.OutcomeLater,
}

// judge says what an answer means; err is why its body could not be read.
func judge(resp *http.Response, body []byte, err error) machine.Outcome {
	status := resp.StatusCode
	after := retryAfter(resp.Header.Get("Retry-After"))
	o := machine.Outcome{Kind: machine.OutcomeUnknown, Status: status, Header: fields(resp.Header), RetryAfter: after, Error: "the answer was " + resp.Status}
	if code := resp.Header.Get("Banyan-Error"); code != "" {
		o.Error = shorten("the data plane answered " + code)
		if kind, ok := unseen[code]; ok {
			o.Kind, o.Unsent = kind, true
		}
		return o
	}
	switch {
	case status == http.StatusAccepted:
		return pending(resp, o)
	case status/100 == 2:
		return done(resp, body, err, o)
	case status == http.StatusConflict && strings.EqualFold(resp.Header.Get(outcomeHeader), abort):
		o.Kind, o.Error = machine.OutcomeAborted, ""
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		o.Kind = machine.OutcomeLater
	case status/100 == 3:
		o.Kind = machine.OutcomeAttention
		o.Error += "; redirects are not followed"
	case status/100 == 4:
		o.Kind = machine.OutcomeAttention
		if status == http.StatusConflict {
			o.Error += ", without the header Banyan-Outcome: abort"
		}
	}
	if err == nil { // else it is for people only, and less of it tells less
		o.Body, _ = toJSON(resp.Header.Get("Content-Type"), body)
	}
	return o
}

func pending(resp *http.Response, o machine.Outcome) machine.Outcome {
	o.Kind, o.Error = machine.OutcomePending, ""
	location := resp.Header.Get("Location")
	if location == "" {
		return o
	}
	u, err := url.Parse(location)
	if err != nil {
		o.Kind, o.Error = machine.OutcomeAttention, shorten("the answer's Location is no address: "+err.Error())
		return o
	}
	o.Location = resp.Request.URL.ResolveReference(u).RequestURI()
	return o
}

// done is for answers that say that the step is.
func done(resp *http.Response, body []byte, err error, o machine.Outcome) machine.Outcome {
	switch {
	case errors.Is(err, errLarge):
		o.Kind, o.Error = machine.OutcomeAttention, "the step is done, but its answer cannot be used: "+err.Error()
		return o
	case err != nil: // asked again, the service says it again
		o.Error = shorten("the answer broke off: " + err.Error())
		return o
	}
	if o.Body, err = toJSON(resp.Header.Get("Content-Type"), body); err != nil {
		o.Kind, o.Error = machine.OutcomeAttention, "the step is done, but its answer cannot be used: "+err.Error()
		return o
	}
	o.Kind, o.Error = machine.OutcomeDone, ""
	return o
}

// toJSON returns a body as JSON, nil if it is empty.
func toJSON(kind string, body []byte) (json.RawMessage, error) {
	if strings.TrimSpace(string(body)) == "" {
		return nil, nil
	}
	if json.Valid(body) {
		return body, nil
	}
	media, _, _ := mime.ParseMediaType(kind) // what cannot be parsed is not JSON
	switch {
	case media == "application/json" || strings.HasSuffix(media, "+json"):
		return nil, errors.New("it is not JSON, though its Content-Type says so")
	case !utf8.Valid(body):
		return nil, errors.New("it is neither JSON nor text")
	}
	return json.Marshal(string(body))
}

// fields returns a response's header by lower-case name.
func fields(h http.Header) map[string]string {
	const most, size = 64, 4 << 10
	all := make(map[string]string, len(h))
	for name, values := range h {
		if len(all) < most && len(values) > 0 && len(values[0]) <= size {
			all[strings.ToLower(name)] = strings.ToValidUTF8(values[0], "�")
		}
	}
	return all
}

// retryAfter reads both forms of RFC 9110, section 10.2.3; zero: it is not given.
func retryAfter(value string) time.Duration {
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}
