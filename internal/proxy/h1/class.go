package h1

import (
	"encoding/binary"
	"math/bits"
)

// Classes of characters.
const (
	tokenChar  = 1 << iota // RFC 9110, 5.6.2
	targetChar             // of a request's target, but for '%'
	hostChar               // of a registered name or an IPv4 address
	digitChar
	hexChar
	protocolChar // of Upgrade: a token, or its version's slash
	quotedChar   // inside a quoted string, but for '"' and '\'
)

// class holds each character's classes.
//
// A target has all visible characters but '#', which starts a fragment, and '<'
// and '>', which no client sends bare. A host has only what names have that are
// in use: RFC 3986 would allow percent-encoding and sub-delims, too.
var class = func() (t [256]uint8) {
	mark := func(chars string, as uint8) {
		for i := range len(chars) {
			t[chars[i]] |= as
		}
	}
	const digits, hexLetters = "0123456789", "abcdefABCDEF"
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for c := byte('!'); c <= '~'; c++ {
		t[c] |= targetChar | quotedChar
	}
	t['#'], t['<'], t['>'], t['%'] = quotedChar, quotedChar, quotedChar, quotedChar
	t['"'] &^= quotedChar
	t['\\'] &^= quotedChar
	t[' '] |= quotedChar
	mark(digits, digitChar)
	mark(digits+hexLetters, hexChar)
	mark(digits+letters+"!#$%&'*+-.^_`|~", tokenChar|protocolChar)
	mark("/", protocolChar)
	mark(digits+letters+"-._~", hostChar)
	return t
}()

// all reports whether b has characters of that class only.
func all(b []byte, of uint8) bool {
	for _, c := range b {
		if class[c]&of == 0 {
			return false
		}
	}
	return true
}

// isToken reports whether b is a token.
func isToken(b []byte) bool { return len(b) > 0 && all(b, tokenChar) }

// control is the place, from i on, of the first control character of b other
// than a tab; len(b) if there is none. Eight bytes are looked at at a time.
func control(b []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for i+8 <= len(b) {
		x := binary.LittleEndian.Uint64(b[i:])
		// Taking 0x20 from a byte below that, and adding 1 to 0x7f, sets its high
		// bit. A carry may mark the next byte, too, so the mark is not the verdict.
		found := ((x - 0x20*ones) | (x + ones)) &^ x & highs
		if found == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(found) / 8
		if isControl(b[i]) {
			return i
		}
		i++
	}
	for i < len(b) && !isControl(b[i]) {
		i++
	}
	return i
}

// isControl reports whether c is a control character other than a tab.
func isControl(c byte) bool { return c < 0x20 && c != '\t' || c == 0x7f }

// isSpace reports whether c is optional white space (OWS).
func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// trim takes optional white space from both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// element cuts the first element off a comma-separated list.
func element(list []byte) (first, rest []byte, more bool) {
	for i, c := range list {
		if c == ',' {
			return trim(list[:i]), list[i+1:], true
		}
	}
	return trim(list), nil, false
}
