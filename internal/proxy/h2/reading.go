package h2

import (
	"bytes"

	"github.com/banyanrun/banyan/internal/proxy/h2/hpack"
	"github.com/banyanrun/banyan/internal/proxy/message"
)

// reading is a list of fields while it is read into a Head.
type reading struct {
	h        *message.Head
	end      bool // there is no body
	extended bool // a CONNECT may have a protocol
	trailers bool

	bad     bool   // the message is malformed (RFC 9113 section 8.1.1)
	fault   string // why, where people can do something about it
	over    bool   // the list is too large
	length  int64  // content-length; -1: none
	seen    uint8  // pseudo-header fields, a bit each
	regular bool   // a field that is none was seen
	host    []byte
	cookies int
}

// read decodes a block. An error is the connection's.
func (c *Conn) read(r *reading, p []byte) error {
	r.h.Major = 2
	c.dec.Begin(p, r.h, c.cfg.MaxHeaderBytes)
	var f hpack.Field
	for {
		ok, err := c.dec.Next(&f)
		if err != nil {
			return c.violation(CompressionError, err.Error())
		}
		if !ok {
			break
		}
		if !r.field(&f) {
			r.bad = true
			c.dec.Drop()
		}
	}
	r.over = c.dec.Over()
	if r.cookies > 1 && !r.bad {
		r.joinCookies()
	}
	return nil
}

// field takes a field; false: it makes the message malformed.
func (r *reading) field(f *hpack.Field) bool {
	if f.BadName || f.BadValue {
		return false
	}
	if f.Pseudo != hpack.Regular {
		return r.pseudo(f)
	}
	r.regular = true
	switch f.ID {
	case message.Connection, message.KeepAlive, message.ProxyConnection, message.TransferEncoding, message.Upgrade:
		if r.fault == "" {
			r.fault = "HTTP/2 does not allow the header " + f.ID.String() // RFC 9113 section 8.2.2
		}
		return false
	case message.TE:
		r.h.TE = !r.trailers
		return string(f.Value) == "trailers"
	default:
	}
	if r.trailers {
		return r.trailer(f)
	}
	switch f.ID {
	case message.ContentLength:
		return r.contentLength(f.Value)
	case message.Host:
		if r.host != nil {
			return false
		}
		if r.host = f.Value; r.host == nil {
			r.host = []byte{}
		}
		return true
	case message.Trailer:
		r.announce(f.Value)
		return true
	case message.Expect:
		if message.EqualFold(f.Value, "100-continue") {
			r.h.Expect = true
			return true
		}
	case message.Cookie:
		r.cookies++
	default:
	}
	r.add(f)
	return true
}

func (r *reading) add(f *hpack.Field) {
	r.h.Fields = append(r.h.Fields, message.Field{Name: f.Name, Value: f.Value, ID: f.ID, Never: f.Never})
}

// trailer takes a field of a trailer section. Those that frame or route a
// message have no place there and are left out (RFC 9110 section 6.5.1).
func (r *reading) trailer(f *hpack.Field) bool {
	switch f.ID {
	case message.ContentLength, message.Host, message.Trailer, message.Expect:
	default:
		r.add(f)
	}
	return true
}

// pseudo takes a pseudo-header field (RFC 9113 section 8.3).
func (r *reading) pseudo(f *hpack.Field) bool {
	bit := uint8(1) << f.Pseudo
	if r.regular || r.trailers || r.seen&bit != 0 {
		return false
	}
	r.seen |= bit
	switch f.Pseudo {
	case hpack.Method:
		r.h.Method = f.Value
	case hpack.Scheme:
		r.h.Scheme = f.Value
	case hpack.Authority:
		r.h.Authority = f.Value
	case hpack.Path:
		r.h.Path = f.Value
	case hpack.Status:
		r.h.Status = statusOf(f.Value)
		return r.h.Status != 0
	case hpack.Protocol:
		r.h.Upgrade = f.Value
		return r.extended && isToken(f.Value)
	default:
		return false
	}
	return true
}

// statusOf reads a status, 100 to 999; 0: it is none.
func statusOf(p []byte) int {
	if len(p) != 3 || p[0] < '1' || p[0] > '9' || !isDigit(p[1]) || !isDigit(p[2]) {
		return 0
	}
	return int(p[0]-'0')*100 + int(p[1]-'0')*10 + int(p[2]-'0')
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// contentLength takes content-length: digits, once.
func (r *reading) contentLength(p []byte) bool {
	const most = 18 // digits that an int64 holds whatever they are
	if r.length >= 0 || len(p) == 0 || len(p) > most {
		return false
	}
	n := int64(0)
	for _, c := range p {
		if !isDigit(c) {
			return false
		}
		n = n*10 + int64(c-'0')
	}
	r.length = n
	return true
}

// announce takes a trailer field; several are one list.
func (r *reading) announce(p []byte) {
	if len(r.h.Trailer) > 0 {
		p = join(r.h, r.h.Trailer, p, ", ")
	}
	r.h.Trailer = p
}

func join(h *message.Head, a, b []byte, by string) []byte {
	p := h.Space(len(a) + len(by) + len(b))
	n := copy(p, a)
	n += copy(p[n:], by)
	copy(p[n:], b)
	return p
}

// joinCookies makes one field of several (RFC 9113 section 8.2.3).
func (r *reading) joinCookies() {
	h := r.h
	first := h.Index(message.Cookie)
	size := -len("; ")
	for i := first; i < len(h.Fields); i++ {
		if f := &h.Fields[i]; f.ID == message.Cookie {
			size += len("; ") + len(f.Value)
		}
	}
	all := h.Space(size)
	n := 0
	for i := first; i < len(h.Fields); i++ {
		f := &h.Fields[i]
		if f.ID != message.Cookie {
			continue
		}
		if i > first {
			n += copy(all[n:], "; ")
			f.ID = message.Removed
		}
		n += copy(all[n:], f.Value)
	}
	h.Fields[first].Value = all
}

// request completes a request; false: it is malformed (RFC 9113 section 8.3.1).
func (r *reading) request() bool {
	const (
		origin   = 1<<hpack.Method | 1<<hpack.Scheme | 1<<hpack.Path
		connect  = 1<<hpack.Method | 1<<hpack.Authority
		extended = origin | 1<<hpack.Authority | 1<<hpack.Protocol
	)
	h := r.h
	if !isToken(h.Method) {
		return false
	}
	isConnect := string(h.Method) == "CONNECT"
	switch {
	case isConnect && r.length >= 0: // what follows is no content (RFC 9110 section 9.3.6)
		return false
	case isConnect && r.seen == connect:
		return isAuthority(h.Authority) && hasPort(h.Authority) && r.sameHost() && r.frame()
	case isConnect && r.seen != extended, !isConnect && r.seen&^(1<<hpack.Authority) != origin:
		return false
	}
	if s := string(h.Scheme); s != "http" && s != "https" {
		return false
	}
	if r.seen&(1<<hpack.Authority) == 0 {
		h.Authority = r.host
	} else if !r.sameHost() {
		return false
	}
	return isAuthority(h.Authority) && isPath(h.Path, h.Method) && r.frame()
}

// sameHost reports whether host, if there is one, says what :authority says.
func (r *reading) sameHost() bool {
	return r.host == nil || isAuthority(r.host) && bytes.EqualFold(r.host, r.h.Authority)
}

// response completes a response to a request that was toHead, toConnect or
// neither; false: it is malformed (RFC 9113 section 8.3.2).
func (r *reading) response(to state) bool {
	h := r.h
	if r.seen != 1<<hpack.Status || h.Status == 101 {
		return false
	}
	switch {
	case h.Status < 200:
		r.length = -1
		return !r.end
	case h.Status == 204, to&toConnect != 0 && h.Status < 300:
		r.length = -1 // none may be given, and nothing depends on it (RFC 9110 section 8.6)
	}
	switch {
	case to&toHead != 0 || h.Status == 304:
		if r.length >= 0 { // of what is not sent
			h.Body, h.Length = message.Sized, r.length
		}
		r.length = 0
		return true
	case h.Status == 204:
		r.length = 0
		return true
	}
	return r.frame()
}

// frame says how long the body is.
func (r *reading) frame() bool {
	switch {
	case r.length >= 0:
		r.h.Body, r.h.Length = message.Sized, r.length
		return !r.end || r.length == 0
	case !r.end:
		r.h.Body = message.Streamed
	}
	return true
}
