package h2

import "bytes"

// Classes of octets.
const (
	inToken   = 1 << iota // RFC 9110 section 5.6.2
	inHost                // RFC 3986 section 3.2.2: a name or an IPv4 address
	inAddress             // and what an address in brackets has besides
	inPath                // what may stand in a path with its query
)

var class = func() (t [256]uint8) {
	const alnum = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for _, c := range alnum + "!#$%&'*+-.^_`|~" {
		t[c] |= inToken
	}
	for _, c := range alnum + "-._~!$&'()*+,;=%" {
		t[c] |= inHost
	}
	t[':'] |= inAddress
	for c := byte('!'); c < 0x7f; c++ {
		if c != '#' {
			t[c] |= inPath
		}
	}
	return t
}()

func all(p []byte, what uint8) bool {
	for _, c := range p {
		if class[c]&what == 0 {
			return false
		}
	}
	return true
}

func isToken(p []byte) bool { return len(p) > 0 && all(p, inToken) }

// isPath reports whether p is an origin form, or the asterisk of an OPTIONS.
func isPath(p, method []byte) bool {
	if len(p) == 0 || p[0] != '/' {
		return string(p) == "*" && string(method) == "OPTIONS"
	}
	return all(p, inPath)
}

// isAuthority reports whether p is a host, which may be an address in brackets,
// with a port or without.
func isAuthority(p []byte) bool {
	host, port := p, []byte(nil)
	if len(p) > 0 && p[0] == '[' {
		end := bytes.IndexByte(p, ']')
		if end < 0 {
			return false
		}
		host, port = p[1:end], p[end+1:]
		if !all(host, inHost|inAddress) {
			return false
		}
	} else {
		if i := bytes.IndexByte(p, ':'); i >= 0 {
			host, port = p[:i], p[i:]
		}
		if !all(host, inHost) {
			return false
		}
	}
	return len(host) > 0 && (len(port) == 0 || port[0] == ':' && isPort(port[1:]))
}

// hasPort reports whether an authority has a port.
func hasPort(p []byte) bool { return bytes.LastIndexByte(p, ':') > bytes.LastIndexByte(p, ']') }

func isPort(p []byte) bool {
	const most = 5 // digits
	for _, c := range p {
		if !isDigit(c) {
			return false
		}
	}
	return len(p) > 0 && len(p) <= most
}
