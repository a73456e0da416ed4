package h1

import (
	"bytes"
	"net/netip"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// readTarget reads a request's target in one of its four forms (RFC 9112, 3.2).
func readTarget(target []byte, h *message.Head) error {
	switch {
	case string(h.Method) == "CONNECT":
		if !validAuthority(target, true) {
			return errConnect
		}
		h.Authority = target
		return nil
	case target[0] == '/':
		h.Path = target
		return validPath(target)
	case string(target) == "*":
		if string(h.Method) != "OPTIONS" {
			return errAsterisk
		}
		h.Path = target
		return nil
	default:
		return absoluteTarget(target, h)
	}
}

// absoluteTarget reads "http://host:port/path".
func absoluteTarget(target []byte, h *message.Head) error {
	scheme, rest, ok := bytes.Cut(target, []byte("://"))
	switch {
	case !ok:
		return errTarget
	case message.EqualFold(scheme, "http"):
		h.Scheme = h.TakeString("http")
	case message.EqualFold(scheme, "https"):
		h.Scheme = h.TakeString("https")
	default:
		return errScheme
	}
	end := bytes.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, path := rest[:end:end], rest[end:]
	if bytes.IndexByte(authority, '@') >= 0 {
		return errUserinfo
	}
	if err := checkAuthority(authority, false); err != nil {
		return err
	}
	h.Authority = authority
	switch {
	case len(path) == 0 && string(h.Method) == "OPTIONS":
		h.Path = h.TakeString("*") // RFC 9112, 3.2.4
	case len(path) == 0:
		h.Path = h.TakeString("/")
	case path[0] == '/':
		h.Path = path
	default:
		h.Path = h.Space(1 + len(path))
		h.Path[0] = '/'
		copy(h.Path[1:], path)
	}
	return validPath(h.Path)
}

// validPath checks the characters of a path and its query, and that what is
// percent-encoded in the path can be decoded. A query's encoding is its reader's
// affair.
func validPath(b []byte) error {
	query := false
	for i := 0; ; i++ {
		for i < len(b) && class[b[i]]&targetChar != 0 {
			i++
		}
		if i == len(b) {
			return nil
		}
		switch c := b[i]; {
		case c == '%' && i+2 < len(b) && class[b[i+1]]&class[b[i+2]]&hexChar != 0:
		case c == '%':
			if query = query || bytes.IndexByte(b[:i], '?') >= 0; !query {
				return errEscape
			}
		case c == '#':
			return errFragment
		case isSpace(c):
			return errSpaces
		default:
			return errTarget
		}
	}
}

// validAuthority reports whether b is a host, with a port or (if it must not be
// missing) perhaps without.
func validAuthority(b []byte, port bool) bool { return checkAuthority(b, port) == nil }

// checkAuthority checks "host" or "host:port". A colon without a port is
// refused: others would compare or resolve it as something else.
func checkAuthority(b []byte, needPort bool) error {
	end := 0
	if len(b) > 0 && b[0] == '[' {
		end = bytes.IndexByte(b, ']') + 1
		if end == 0 || !validIPv6(b[1:end-1]) {
			return errHost
		}
	} else {
		for end < len(b) && class[b[end]]&hostChar != 0 {
			end++
		}
	}
	switch {
	case end == 0:
		return errHost
	case end == len(b) && !needPort:
		return nil
	case end == len(b):
		return errPort
	case b[end] != ':':
		return errHost
	}
	return checkPort(b[end+1:])
}

// checkPort checks for a decimal number up to 65535, of at most five digits.
func checkPort(b []byte) error {
	if len(b) == 0 || len(b) > 5 {
		return errPort
	}
	n := 0
	for _, c := range b {
		if class[c]&digitChar == 0 {
			return errPort
		}
		n = n*10 + int(c-'0')
	}
	if n > 65535 {
		return errPort
	}
	return nil
}

// validIPv6 reports whether b is an IPv6 address without a zone. It is the one
// check that may allocate.
func validIPv6(b []byte) bool {
	const longest = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")
	if len(b) > longest {
		return false
	}
	ip, err := netip.ParseAddr(string(b))
	return err == nil && ip.Is6() && ip.Zone() == ""
}
