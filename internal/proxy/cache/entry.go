package cache

import (
	"bytes"
	"net/http"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// Entry is an answer that is kept. It never changes, and its bytes stay valid
// for as long as somebody holds them.
type Entry struct {
	status   int
	fields   []message.Field
	body     []byte
	text     int // bytes of the fields
	received time.Time
	initial  time.Duration // age when received
	term     term
}

// newEntry copies what is to be kept of resp; the body is taken over.
func newEntry(resp *message.Head, body []byte, t term, initial time.Duration, received time.Time) *Entry {
	e := &Entry{status: resp.Status, body: body, term: t, initial: initial, received: received}
	n := 0
	for i := range resp.Fields {
		if f := &resp.Fields[i]; kept(f) {
			n++
			e.text += len(f.Name) + len(f.Value)
		}
	}
	e.fields = make([]message.Field, 0, n+1)
	text := make([]byte, 0, e.text)
	take := func(p []byte) []byte {
		at := len(text)
		text = append(text, p...)
		return text[at:len(text):len(text)]
	}
	for i := range resp.Fields {
		if f := &resp.Fields[i]; kept(f) {
			e.fields = append(e.fields, message.Field{Name: take(f.Name), Value: take(f.Value), ID: f.ID})
		}
	}
	if e.get(message.Date) == nil { // RFC 9110, section 6.6.1
		value := received.UTC().AppendFormat(nil, http.TimeFormat)
		e.fields = append(e.fields, message.Field{Name: message.Date.Name(), Value: value, ID: message.Date})
		e.text += len(value)
	}
	return e
}

// kept reports whether a field of an answer is for later requests, too: not
// what was said between two hops (RFC 9111, section 3.1) or of one request.
func kept(f *message.Field) bool {
	switch f.ID {
	case message.Removed, message.Age, message.ProxyAuthenticate, message.ProxyAuthorization,
		message.XRequestID, message.Traceparent, message.Tracestate,
		message.B3, message.XB3TraceID, message.XB3SpanID, message.XB3ParentSpanID, message.XB3Sampled, message.XB3Flags:
		return false
	case message.Other:
		return !message.EqualFold(f.Name, "Proxy-Authentication-Info")
	default:
		return true
	}
}

// size is what the entry costs in memory, about.
func (e *Entry) size() int {
	const fixed, perField = 256, 56
	return fixed + perField*len(e.fields) + e.text + cap(e.body)
}

// Age is the entry's age (RFC 9111, section 4.2.3).
func (e *Entry) Age(now time.Time) time.Duration {
	return e.initial + max(0, now.Sub(e.received))
}

// Usable reports whether the entry may stand in for a service that failed or
// answered 5xx (RFC 5861, section 4).
func (e *Entry) Usable(now time.Time) bool {
	return e.Age(now) < e.term.fresh+e.term.stale
}

// UsableFor is as Usable with a time past its freshness that its user chooses,
// where the answer does not forbid that (RFC 9111, section 4.2.4).
func (e *Entry) UsableFor(now time.Time, stale time.Duration) bool {
	return !e.term.strict && e.Age(now) < e.term.fresh+stale
}

// Answer writes the entry into to, which is empty, as the answer to req, and
// returns the body to send: nil for a HEAD and where to became 304 Not
// Modified. Nothing is copied; the body must not be changed.
func (e *Entry) Answer(now time.Time, req, to *message.Head) (body []byte) {
	to.Major, to.Minor = 1, 1
	if e.unchanged(req) {
		to.Status, to.Body = http.StatusNotModified, message.None
		for i := range e.fields {
			if !redundant(e, &e.fields[i]) {
				to.Fields = append(to.Fields, e.fields[i])
			}
		}
	} else {
		to.Status = e.status
		to.Fields = append(to.Fields, e.fields...)
		if e.status != http.StatusNoContent {
			to.Body, to.Length = message.Sized, int64(len(e.body))
		}
		if string(req.Method) != http.MethodHead {
			body = e.body
		}
	}
	to.SetInt(message.Age, int64(e.Age(now)/time.Second))
	return body
}

// redundant reports whether a 304 goes without a field: its receiver has what
// describes the content (RFC 9110, section 15.4.5).
func redundant(e *Entry, f *message.Field) bool {
	switch f.ID {
	case message.ContentType:
		return true
	case message.LastModified:
		return e.get(message.ETag) != nil
	case message.Other:
		return message.EqualFold(f.Name, "Content-Encoding") || message.EqualFold(f.Name, "Content-Language") ||
			message.EqualFold(f.Name, "Content-Range")
	default:
		return false
	}
}

func (e *Entry) get(id message.ID) []byte {
	for i := range e.fields {
		if e.fields[i].ID == id {
			return e.fields[i].Value
		}
	}
	return nil
}

// unchanged evaluates the request's preconditions: whether the client has this
// very answer (RFC 9111, section 4.3.2; RFC 9110, section 13.2.2).
func (e *Entry) unchanged(req *message.Head) bool {
	if e.status < 200 || e.status > 299 {
		return false
	}
	if req.Has(message.IfNoneMatch) {
		tag := e.get(message.ETag)
		for i := range req.Fields {
			if f := &req.Fields[i]; f.ID == message.IfNoneMatch && matches(f.Value, tag) {
				return true
			}
		}
		return false
	}
	if req.Count(message.IfModifiedSince) != 1 {
		return false
	}
	since := req.Get(message.IfModifiedSince)
	modified := e.get(message.LastModified)
	if modified == nil {
		modified = e.get(message.Date)
	}
	if bytes.Equal(since, modified) && len(since) > 0 {
		return true
	}
	a, ok := date(since)
	if !ok {
		return false
	}
	b, ok := date(modified)
	return ok && !b.After(a)
}

// matches reports whether a list of entity tags, or "*", has tag, by the weak
// comparison (RFC 9110, section 8.8.3.2).
func matches(list, tag []byte) bool {
	list = trim(list)
	if string(list) == "*" {
		return true
	}
	tag = opaque(tag)
	for len(tag) > 0 && len(list) > 0 {
		open := bytes.IndexByte(list, '"')
		if open < 0 {
			return false
		}
		end := bytes.IndexByte(list[open+1:], '"')
		if end < 0 {
			return false
		}
		end += open + 2
		if bytes.Equal(list[open:end], tag) {
			return true
		}
		list = list[end:]
	}
	return false
}

// opaque is an entity tag without W/; nil if it is none.
func opaque(tag []byte) []byte {
	tag = bytes.TrimPrefix(trim(tag), []byte("W/"))
	if len(tag) < 2 || tag[0] != '"' || bytes.IndexByte(tag[1:], '"') != len(tag)-2 {
		return nil
	}
	return tag
}
