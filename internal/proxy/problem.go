package proxy

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

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

// isGRPC reports whether a message's media type is gRPC's.
func isGRPC(h *message.Head) bool {
	rest, ok := bytes.CutPrefix(h.Get(message.ContentType), []byte("application/grpc"))
	return ok && (len(rest) == 0 || rest[0] == '+' || rest[0] == ';')
}

// compose makes h the answer that says f to a client that sent req, and returns its body.
func (f *failure) compose(req, h *message.Head, requestID []byte) []byte {
	m, ok := meanings[f.code]
	if !ok {
		m = meanings[Internal]
	}
	h.Add(message.BanyanError, []byte(f.code))
	if f.retryAfter > 0 {
		h.SetInt(message.RetryAfter, int64(f.retryAfter))
	}
	if isGRPC(req) {
		f.composeGRPC(h, m)
		return nil
	}
	if f.as != 0 {
		m.status = f.as
	}
	p := problem{
		Type: "about:blank", Title: m.title, Status: m.status, Code: f.code, Detail: f.detail,
		Caller: f.caller, Service: f.service, Instance: f.instance, Request: string(requestID),
	}
	body, _ := json.Marshal(p) // strings and numbers only: cannot fail
	body = append(body, '\n')
	h.Status = m.status
	if bodyless(m.status) {
		return nil
	}
	h.Add(message.ContentType, []byte("application/problem+json"))
	h.Add(message.CacheControl, []byte("no-store"))
	h.Body, h.Length = message.Sized, int64(len(body))
	return body
}

// composeGRPC makes h a trailers-only response: status 200 and no body.
func (f *failure) composeGRPC(h *message.Head, m meaning) {
	msg := string(f.code) + ": " + m.title
	if f.service != "" {
		msg += " (" + f.service + ")"
	}
	if f.detail != "" {
		msg += ": " + f.detail
	}
	h.Status = 200
	h.Add(message.ContentType, []byte("application/grpc"))
	h.Add(message.GrpcStatus, strconv.AppendInt(nil, int64(m.grpc), 10))
	h.Add(message.GrpcMessage, []byte(strings.ReplaceAll(url.QueryEscape(msg), "+", " ")))
	h.Body, h.Length = message.Sized, 0
}

// status is what the access log says.
func (f *failure) status(grpc bool) int {
	if grpc {
		return 200
	}
	if f.as != 0 {
		return f.as
	}
	if m, ok := meanings[f.code]; ok {
		return m.status
	}
	return meanings[Internal].status
}
