package h1

import (
	"bytes"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// hop are the fields that frame a message or end at a hop: a Head says what they
// said, and has none of them.
var hop = func() (t [256]bool) {
	for _, id := range []message.ID{
		message.Connection, message.ContentLength, message.Expect, message.Host, message.KeepAlive, message.ProxyConnection,
		message.TE, message.Trailer, message.TransferEncoding, message.Upgrade,
	} {
		t[id] = true
	}
	return t
}()

// unwritten are the IDs whose fields the writers leave out.
var unwritten = func() [256]bool {
	t := hop
	t[message.Removed] = true
	return t
}()

// maxOptions bounds the fields that Connection names: each is looked for.
const maxOptions = 32

// said is what the hop's fields of a head said.
type said struct {
	has     saidFlag
	options int // named by Connection, other than those below
	length  int64
	host    []byte
	upgrade []byte
}

type saidFlag uint16

const (
	saidHost saidFlag = 1 << iota
	saidHostTwice
	saidLength
	saidChunked
	saidClose // options of Connection
	saidKeepAlive
	saidUpgradeOption
	saidUpgrade // the field
	saidExpect
	saidExpectOther
	saidTrailers // of TE
)

// take reads a field of the hop.
func (s *said) take(h *message.Head, id message.ID, value []byte) error {
	switch id {
	case message.Host:
		if s.has&saidHost != 0 {
			s.has |= saidHostTwice
		}
		s.has |= saidHost
		s.host = value
	case message.ContentLength:
		return s.takeLength(value)
	case message.TransferEncoding:
		return s.takeCoding(value)
	case message.Connection:
		return s.takeOptions(h, value)
	case message.TE:
		for value, more := value, true; more; {
			var coding []byte
			if coding, value, more = element(value); message.EqualFold(coding, "trailers") {
				s.has |= saidTrailers
			}
		}
	case message.Trailer:
		return takeTrailer(h, value)
	case message.Upgrade:
		return s.takeUpgrade(value)
	case message.Expect:
		if s.has&saidExpect != 0 || !message.EqualFold(value, "100-continue") {
			s.has |= saidExpectOther
		}
		s.has |= saidExpect
	default: // Keep-Alive and Proxy-Connection say nothing to us.
	}
	return nil
}

// disguised reports whether a name that is none of the known becomes the name of
// a field that frames where underscores count as dashes, as in CGI-like servers.
func disguised(name []byte) bool {
	const length, coding = "content-length", "transfer-encoding"
	switch len(name) {
	case len(length):
		return foldsTo(name, length)
	case len(coding):
		return foldsTo(name, coding)
	default:
		return false
	}
}

// foldsTo reports whether b, which is as long as s, is s but for case and underscores.
func foldsTo(b []byte, s string) bool {
	for i, c := range b {
		switch {
		case c == '_':
			c = '-'
		case c >= 'A' && c <= 'Z':
			c |= 0x20
		}
		if c != s[i] {
			return false
		}
	}
	return true
}

// takeLength reads Content-Length: one number of 1 to 18 digits. RFC 9110, 8.6,
// would allow equal ones to be merged.
func (s *said) takeLength(value []byte) error {
	if s.has&saidLength != 0 {
		return errLengthTwice
	}
	if len(value) == 0 || len(value) > 18 || !all(value, digitChar) {
		return errLength
	}
	for _, c := range value {
		s.length = s.length*10 + int64(c-'0')
	}
	s.has |= saidLength
	return nil
}

// takeCoding reads Transfer-Encoding: "chunked", and nothing else in any place
// (RFC 9112, 6.1 and 6.3).
func (s *said) takeCoding(value []byte) error {
	if s.has&saidChunked != 0 {
		return errCodingTwice
	}
	if message.EqualFold(value, "chunked") {
		s.has |= saidChunked
		return nil
	}
	known := false
	for more := true; more; {
		var coding []byte
		coding, value, more = element(value)
		switch {
		case !isToken(coding):
			return errCodingSyntax
		case known:
			return errCodingOrder
		}
		known = message.EqualFold(coding, "chunked")
	}
	return errCoding
}

// takeOptions reads Connection. A line that names fields is kept until all
// fields are there to be found.
func (s *said) takeOptions(h *message.Head, value []byte) error {
	line, named := value, false
	for more := true; more; {
		var option []byte
		option, value, more = element(value)
		switch {
		case len(option) == 0: // RFC 9110, 5.6.1.2
		case message.EqualFold(option, "close"):
			s.has |= saidClose
		case message.EqualFold(option, "keep-alive"):
			s.has |= saidKeepAlive
		case message.EqualFold(option, "upgrade"):
			s.has |= saidUpgradeOption
		case !isToken(option):
			return errOption
		case !hop[message.Identify(option)]:
			named = true
			s.options++
		}
	}
	if s.options > maxOptions {
		return errManyOptions
	}
	if named {
		h.Add(message.Connection, line)
	}
	return nil
}

// dropNamed removes the fields that Connection named, whatever they are: what
// this hop vouches for is set after the head was read (RFC 9110, 7.6.1).
func dropNamed(h *message.Head) {
	for i := range h.Fields {
		if h.Fields[i].ID != message.Connection {
			continue
		}
		h.Fields[i].ID = message.Removed
		for list, more := h.Fields[i].Value, true; more; {
			var option []byte
			if option, list, more = element(list); len(option) > 0 {
				dropField(h, option)
			}
		}
	}
}

func dropField(h *message.Head, name []byte) {
	if id := message.Identify(name); id != message.Other {
		if id != message.Connection {
			h.Remove(id)
		}
		return
	}
	for i := range h.Fields {
		if h.Fields[i].ID == message.Other && bytes.EqualFold(h.Fields[i].Name, name) {
			h.Fields[i].ID = message.Removed
		}
	}
}

// takeTrailer reads Trailer, which is a hint: a second line of it adds nothing.
func takeTrailer(h *message.Head, value []byte) error {
	for list, more := value, true; more; {
		var name []byte
		name, list, more = element(list)
		switch {
		case len(name) == 0:
			continue
		case !isToken(name):
			return errTrailer
		}
		switch message.Identify(name) {
		case message.ContentLength, message.TransferEncoding, message.Trailer:
			return errTrailer
		default:
		}
	}
	if len(h.Trailer) == 0 {
		h.Trailer = value
	}
	return nil
}

// takeUpgrade reads Upgrade: a list of protocols.
func (s *said) takeUpgrade(value []byte) error {
	if s.has&saidUpgrade != 0 {
		return errUpgradeTwice
	}
	s.has |= saidUpgrade
	for list, more := value, true; more; {
		var protocol []byte
		if protocol, list, more = element(list); len(protocol) == 0 || !all(protocol, protocolChar) {
			return errUpgrade
		}
	}
	s.upgrade = value
	return nil
}
