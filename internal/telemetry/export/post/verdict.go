package post

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/banyanrun/banyan/internal/telemetry/export"
)

// Failure is what an answer with a status other than 2xx means: nil, it is no failure.
// Said is what the server says of it; again are the statuses beyond those of OTLP that
// may pass.
func (q *Request) Failure(r *Response, said string, again func(status int) bool) *export.Failure {
	if r.Status >= 200 && r.Status < 300 {
		return nil
	}
	f := &export.Failure{Kind: export.Never, After: RetryAfter(r.Header, time.Now()), Err: q.Said(r.Status, said)}
	switch s := r.Status; {
	case s == http.StatusRequestEntityTooLarge:
		f.Kind = export.TooLarge
	case s == http.StatusTooManyRequests, s == http.StatusRequestTimeout, s == http.StatusBadGateway, s == http.StatusServiceUnavailable, s == http.StatusGatewayTimeout, again(s):
		f.Kind = export.Later
	case s < 400, s == http.StatusUnauthorized, s == http.StatusForbidden, s == http.StatusNotFound, s == http.StatusMethodNotAllowed, s == http.StatusProxyAuthRequired:
		// It is the address or the credentials that it does not like, whatever is sent.
		f.Kind = export.Barred
	}
	return f
}

// saidMost bounds what of an answer is repeated.
const saidMost = 300

// Said is an error that repeats a server's words.
func (q *Request) Said(status int, said string) error {
	said = strings.Join(strings.Fields(strings.ToValidUTF8(q.Clean(said), "\uFFFD")), " ")
	if len(said) > saidMost {
		cut := saidMost
		for !utf8.RuneStart(said[cut]) {
			cut--
		}
		said = said[:cut] + "…"
	}
	text := strconv.Itoa(status) + " " + http.StatusText(status)
	if said == "" {
		return fmt.Errorf("it answered %s", text)
	}
	return fmt.Errorf("it answered %s: %s", text, strconv.Quote(said))
}

// RetryAfter is how long a server asks to wait; 0: it does not.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
