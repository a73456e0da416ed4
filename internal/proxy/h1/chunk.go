package h1

import "bytes"

const (
	maxSizeDigits     = 16
	maxChunk          = 1 << 60 // bytes of payload
	maxChunkExtension = 256     // bytes, with the semicolon
)

// chunkSize reads a chunk's first line (RFC 9112, 7.1); n == 0: it is not whole.
// extension is the length of its extensions. White space is in no place allowed.
func chunkSize(src []byte) (n int, size int64, extension int, err error) {
	for n < len(src) && class[src[n]]&hexChar != 0 {
		if n == maxSizeDigits {
			return 0, 0, 0, errChunkSize
		}
		size = size<<4 | int64(unhex(src[n]))
		if size > maxChunk || size < 0 {
			return 0, 0, 0, errChunkTooBig
		}
		n++
	}
	switch {
	case n == len(src):
		return 0, 0, 0, nil
	case n == 0:
		return 0, 0, 0, errChunkSize
	case src[n] == ';':
		extension, err = chunkExtension(src[n:])
		if extension == 0 || err != nil {
			return 0, 0, 0, err
		}
		n += extension
	}
	switch {
	case src[n] == '\n':
		return 0, 0, 0, errBareLF
	case src[n] != '\r':
		return 0, 0, 0, errChunkSize
	case n+1 == len(src):
		return 0, 0, 0, nil
	case src[n+1] != '\n':
		return 0, 0, 0, errBareCR
	}
	return n + 2, size, extension, nil
}

// unhex is the value of a hexadecimal digit.
func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// chunkExtension is the length of the extensions that src starts with, up to the
// line's end; 0: that is not there. They are checked, and mean nothing to us.
func chunkExtension(src []byte) (int, error) {
	window := src[:min(len(src), maxChunkExtension+len("\r\n"))]
	n := bytes.IndexByte(window, '\n')
	switch {
	case n < 0 && len(window) < len(src):
		return 0, errExtensions
	case n < 0:
		return 0, nil
	case src[n-1] != '\r':
		return 0, errBareLF
	case !validExtension(src[:n-1]):
		return 0, errExtension
	}
	return n - 1, nil
}

// validExtension checks for *( ";" name [ "=" value ] ), without white space
// (RFC 9112, 7.1.1).
func validExtension(b []byte) bool {
	for len(b) > 0 {
		if b[0] != ';' {
			return false
		}
		n := tokenLen(b[1:])
		if n == 0 {
			return false
		}
		b = b[1+n:]
		if len(b) == 0 || b[0] != '=' {
			continue
		}
		b = b[1:]
		if n = max(tokenLen(b), quotedLen(b)); n == 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

// tokenLen is the length of the token that b starts with; 0: there is none.
func tokenLen(b []byte) int {
	n := 0
	for n < len(b) && class[b[n]]&tokenChar != 0 {
		n++
	}
	return n
}

// quotedLen is the length of the quoted string that b starts with; 0: there is none.
func quotedLen(b []byte) int {
	if len(b) == 0 || b[0] != '"' {
		return 0
	}
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c == '\\' && i+1 < len(b) && b[i+1] >= ' ' && b[i+1] <= '~':
			i++
		case class[c]&quotedChar == 0:
			return 0
		}
	}
	return 0
}
