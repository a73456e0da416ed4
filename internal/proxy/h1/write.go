package h1

import (
	"net/http"
	"strconv"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// AppendRequest appends a request's head to dst, as 1.1 and in origin form
// (CONNECT: authority form). Close, TE, Upgrade, Expect, Trailer, Body and Length
// are written as h has them: what concerned the hop before has to be cleared
// first. Fields that frame or end at a hop are left out. Nothing is checked:
// names have to be tokens, and values free of line ends.
func AppendRequest(dst []byte, h *message.Head) []byte {
	dst = append(dst, h.Method...)
	dst = append(dst, ' ')
	switch {
	case string(h.Method) == "CONNECT":
		dst = append(dst, h.Authority...)
	case len(h.Path) == 0:
		dst = append(dst, '/')
	default:
		dst = append(dst, h.Path...)
	}
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, h.Authority...)
	dst = append(dst, "\r\n"...)
	dst = appendFields(dst, h.Fields)
	dst = appendConnection(dst, h.Close, h.TE, h.Upgrade)
	if h.TE {
		dst = append(dst, "TE: trailers\r\n"...)
	}
	switch {
	case h.Body == message.Sized:
		dst = appendLength(dst, h.Length)
	case h.Body == message.Streamed:
		dst = appendChunked(dst, h.Trailer)
	case wantsLength(h.Method):
		dst = appendLength(dst, 0)
	}
	if h.Expect {
		dst = append(dst, "Expect: 100-continue\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// wantsLength reports whether a request without a body should say so (RFC 9110, 8.6).
func wantsLength(method []byte) bool {
	switch string(method) {
	case "POST", "PUT", "PATCH":
		return true
	default:
		return false
	}
}

// ResponseOptions say to whom a response is written.
type ResponseOptions struct {
	HTTP10  bool // the client speaks 1.0: it knows neither chunks nor, unless told, keep-alive
	Close   bool // the connection ends after this response
	Head    bool // the request was a HEAD
	Connect bool // the request was a CONNECT
}

// Framing tells how the body of response h is to be written: chunked or as it
// is, and whether the connection has to end after it even if o does not say so.
func (o ResponseOptions) Framing(h *message.Head) (chunked, closes bool) {
	if o.bodiless(h) || h.Body != message.Streamed && h.Body != message.UntilClose {
		return false, o.Close
	}
	return !o.HTTP10, o.HTTP10 || o.Close
}

// bodiless reports whether a response has no body whatever its fields say.
func (o ResponseOptions) bodiless(h *message.Head) bool {
	return o.Head || h.Status < 200 || h.Status == 204 || h.Status == 304 || o.Connect && h.Status < 300
}

// AppendResponse appends a response's head to dst, as 1.1. h.Close, which is about
// the connection that the response came on, is not looked at. A body of unknown
// length is announced as chunked, or for a client of 1.0 by closing: see
// [ResponseOptions.Framing]. As to the rest, see [AppendRequest].
func AppendResponse(dst []byte, h *message.Head, o ResponseOptions) []byte {
	chunked, closes := o.Framing(h)
	dst = appendStatusLine(dst, h.Status)
	dst = appendFields(dst, h.Fields)
	final := h.Status >= 200 // what comes before it says nothing about the connection's end
	dst = appendConnection(dst, closes && final, false, h.Upgrade)
	if o.HTTP10 && !closes && final && !(o.Connect && h.Status < 300) {
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	switch {
	case chunked:
		dst = appendChunked(dst, h.Trailer)
	case o.lengthTold(h):
		dst = appendLength(dst, h.Length)
	}
	return append(dst, "\r\n"...)
}

// lengthTold reports whether a response has a Content-Length (RFC 9110, 8.6).
// What has no body because of its request or a 304 tells the length only if it
// is known, for which None with Length 0 does not suffice.
func (o ResponseOptions) lengthTold(h *message.Head) bool {
	switch {
	case h.Body == message.Streamed || h.Body == message.UntilClose:
		return false
	case h.Status < 200 || h.Status == 204 || o.Connect && h.Status < 300:
		return false
	case h.Status == 304 || o.Head:
		return h.Length > 0 || h.Body == message.Sized
	default:
		return true
	}
}

func appendStatusLine(dst []byte, status int) []byte {
	if status < len(statusLines) && statusLines[status] != "" {
		return append(dst, statusLines[status]...)
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	return append(dst, " \r\n"...)
}

// statusLines are the lines of the statuses that have a name.
var statusLines = func() (t [600]string) {
	for status := range t {
		if text := http.StatusText(status); text != "" {
			t[status] = "HTTP/1.1 " + strconv.Itoa(status) + " " + text + "\r\n"
		}
	}
	return t
}()

func appendFields(dst []byte, fields []message.Field) []byte {
	for i := range fields {
		f := &fields[i]
		if unwritten[f.ID] {
			continue
		}
		dst = append(dst, f.Name...)
		dst = append(dst, ": "...)
		dst = append(dst, f.Value...)
		dst = append(dst, "\r\n"...)
	}
	return dst
}

// appendConnection appends Connection, if it has anything to say, and Upgrade.
func appendConnection(dst []byte, closes, te bool, upgrade []byte) []byte {
	if !closes && !te && len(upgrade) == 0 {
		return dst
	}
	dst = append(dst, "Connection: "...)
	if closes {
		dst = append(dst, "close, "...)
	}
	if te {
		dst = append(dst, "TE, "...)
	}
	if len(upgrade) > 0 {
		dst = append(dst, "upgrade, "...)
	}
	dst = append(dst[:len(dst)-len(", ")], "\r\n"...)
	if len(upgrade) > 0 {
		dst = append(dst, "Upgrade: "...)
		dst = append(dst, upgrade...)
		dst = append(dst, "\r\n"...)
	}
	return dst
}

func appendLength(dst []byte, n int64) []byte {
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, n, 10)
	return append(dst, "\r\n"...)
}

func appendChunked(dst, trailer []byte) []byte {
	dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	if len(trailer) > 0 {
		dst = append(dst, "Trailer: "...)
		dst = append(dst, trailer...)
		dst = append(dst, "\r\n"...)
	}
	return dst
}
