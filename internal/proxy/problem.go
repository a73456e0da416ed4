package proxy

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// errorHeader tells callers that an answer is the data plane's, not the service's.
const errorHeader = "Banyan-Error"

// problem is RFC 9457's problem details with our members.
type problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Code     Code   `json:"code"`
	Detail   string `json:"detail,omitempty"`
	Caller   string `json:"caller,omitempty"`
	Service  string `json:"service,omitempty"`
	Instance string `json:"instance,omitempty"`
	Request  string `json:"request_id,omitempty"`
}

// isGRPC reports whether the request's media type is gRPC's.
func isGRPC(h http.Header) bool {
	ct := h.Get("Content-Type")
	rest, ok := strings.CutPrefix(ct, "application/grpc")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

// writeFailure answers r with f, in the way r's kind of client understands.
func writeFailure(w http.ResponseWriter, r *http.Request, f *failure) int {
	m, ok := meanings[f.code]
	if !ok {
		m = meanings[Internal]
	}
	h := w.Header()
	h.Set(errorHeader, string(f.code))
	h.Del("Content-Length")
	if f.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(f.retryAfter))
	}
	if isGRPC(r.Header) {
		writeGRPC(w, m, f)
		return http.StatusOK
	}
	p := problem{
		Type: "about:blank", Title: m.title, Status: m.status, Code: f.code, Detail: f.detail,
		Caller: f.caller, Service: f.service, Instance: f.instance, Request: h.Get("X-Request-Id"),
	}
	body, _ := json.Marshal(p) // strings and numbers only: cannot fail
	body = append(body, '\n')
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(m.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
	return m.status
}

// writeGRPC writes a trailers-only response: status 200 and no body.
func writeGRPC(w http.ResponseWriter, m meaning, f *failure) {
	msg := string(f.code) + ": " + m.title
	if f.service != "" {
		msg += " (" + f.service + ")"
	}
	if f.detail != "" {
		msg += ": " + f.detail
	}
	h := w.Header()
	h.Set("Content-Type", "application/grpc")
	h.Set("Grpc-Status", strconv.Itoa(m.grpc))
	h.Set("Grpc-Message", strings.ReplaceAll(url.QueryEscape(msg), "+", " "))
	w.WriteHeader(http.StatusOK)
}
