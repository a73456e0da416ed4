package proxy

import (
	"bytes"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// keyOf is what identifies the client of a request: the value of a header or,
// if header is empty, of a cookie.
func keyOf(h *message.Head, header, cookie string) (key []byte, ok bool) {
	switch {
	case header != "":
		key, ok = h.Lookup(header)
	case cookie != "":
		key, ok = cookieOf(h, cookie)
	}
	return key, ok && len(key) > 0
}

// cookieOf is the value of the first cookie of that name (RFC 6265, section 5.4).
func cookieOf(h *message.Head, name string) ([]byte, bool) {
	for i := range h.Fields {
		if h.Fields[i].ID != message.Cookie {
			continue
		}
		rest := h.Fields[i].Value
		for len(rest) > 0 {
			var pair []byte
			pair, rest, _ = bytes.Cut(rest, []byte(";"))
			key, value, found := bytes.Cut(pair, []byte("="))
			if found && string(bytes.TrimSpace(key)) == name {
				return bytes.TrimSpace(value), true
			}
		}
	}
	return nil, false
}
