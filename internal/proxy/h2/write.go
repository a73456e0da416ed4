package h2

import (
	"strconv"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// unwritten are the fields that are never written as they stand: those of a
// hop, and those that the Head has apart.
var unwritten = func() (t [256]bool) {
	for _, id := range []message.ID{
		message.Removed, message.Connection, message.ContentLength, message.Host, message.HTTP2Settings, message.KeepAlive,
		message.ProxyConnection, message.TE, message.Trailer, message.TransferEncoding, message.Upgrade,
	} {
		t[id] = true
	}
	return t
}()

// Open opens a stream for a request (client). end: it has no body. The Head
// remains the caller's.
func (c *Conn) Open(h *message.Head, end bool) (*Stream, error) {
	if err := c.openable(); err != nil {
		return nil, err
	}
	s := c.newStream(c.nextID)
	c.nextID += 2
	c.opened++
	s.state |= sentFinal
	connect := false
	switch string(h.Method) {
	case "HEAD":
		s.state |= toHead
	case "CONNECT":
		connect = true
		s.state |= toConnect
	}
	at := c.beginHeaders()
	c.out = c.enc.Method(c.out, h.Method)
	if !connect {
		scheme := h.Scheme
		if len(scheme) == 0 {
			scheme = plain
		}
		c.out = c.enc.Scheme(c.out, scheme)
	}
	if len(h.Authority) > 0 {
		c.out = c.enc.Authority(c.out, h.Authority)
	}
	if !connect {
		c.out = c.enc.Path(c.out, h.Path)
	}
	c.writeFields(h)
	if h.TE {
		c.field(message.TE, trailersValue)
	}
	if h.Expect {
		c.field(message.Expect, continueValue)
	}
	c.endHeaders(at, s.id, end)
	if end {
		c.endLocal(s)
	}
	return s, nil
}

var (
	plain         = []byte("http")
	trailersValue = []byte("trailers")
	continueValue = []byte("100-continue")
)

// WriteHead appends a response (server), interim ones included. end: it has no
// body. It does nothing on a stream that cannot send a head (any more).
func (s *Stream) WriteHead(h *message.Head, end bool) {
	c := s.c
	if s.state&(dead|localEnded|sentFinal) != 0 || c.err != nil || s.local() {
		return
	}
	interim := h.Status < 200
	end = end && !interim
	at := c.beginHeaders()
	c.out = c.enc.Status(c.out, h.Status)
	c.writeFields(h)
	c.endHeaders(at, s.id, end)
	if !interim {
		s.state |= sentFinal
	}
	if end {
		c.endLocal(s)
	}
}

// WriteTrailers ends the body with a trailer section. All of the body must have been taken before.
func (s *Stream) WriteTrailers(fields []message.Field) {
	c := s.c
	if s.state&(dead|localEnded|sentFinal) != sentFinal || c.err != nil {
		return
	}
	c.ready.remove(s)
	at := c.beginHeaders()
	for i := range fields {
		if f := &fields[i]; !unwritten[f.ID] {
			c.out = c.enc.Field(c.out, f.Name, f.Value, f.ID, f.Never)
		}
	}
	if len(c.out) == at+frameHeader {
		c.out = c.out[:at]
		c.appendData(s.id, nil, true) // some peers take no section without fields
	} else {
		c.endHeaders(at, s.id, true)
	}
	c.endLocal(s)
}

// writeFields appends a head's fields, and what it has apart.
func (c *Conn) writeFields(h *message.Head) {
	for i := range h.Fields {
		if f := &h.Fields[i]; !unwritten[f.ID] {
			c.out = c.enc.Field(c.out, f.Name, f.Value, f.ID, f.Never)
		}
	}
	if h.Body == message.Sized && h.Status != 204 && (h.Status >= 200 || h.Status == 0) {
		var buf [20]byte
		c.field(message.ContentLength, strconv.AppendInt(buf[:0], h.Length, 10))
	}
	if len(h.Trailer) > 0 {
		c.field(message.Trailer, h.Trailer)
	}
}

func (c *Conn) field(id message.ID, value []byte) {
	c.out = c.enc.Field(c.out, nil, value, id, false)
}

// beginHeaders appends room for a frame's header and returns its place.
func (c *Conn) beginHeaders() int {
	at := len(c.out)
	c.out = appendFrame(c.out, 0, typeHeaders, 0, 0)
	c.out = c.enc.Begin(c.out)
	return at
}

// endHeaders makes frames of the block that was begun at a place.
func (c *Conn) endHeaders(at int, id uint32, end bool) {
	flags := uint8(0)
	if end {
		flags = flagEndStream
	}
	length := len(c.out) - at - frameHeader
	if length <= minFrame {
		putFrame(c.out[at:], length, typeHeaders, flags|flagEndHeaders, id)
		return
	}
	// What does not fit in one frame moves, the last piece first, to make room for headers.
	more := (length - 1) / minFrame
	start := at + frameHeader
	c.out = append(c.out, make([]byte, more*frameHeader)...)
	for i := more; i > 0; i-- {
		from, n := start+i*minFrame, min(length-i*minFrame, minFrame)
		to := from + i*frameHeader
		copy(c.out[to:to+n], c.out[from:from+n])
		last := uint8(0)
		if i == more {
			last = flagEndHeaders
		}
		putFrame(c.out[to-frameHeader:], n, typeContinuation, last, id)
	}
	putFrame(c.out[at:], minFrame, typeHeaders, flags, id)
}
