package cache

import (
	"bytes"
	"slices"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// keyRoom is the length of keys that need no allocation.
const keyRoom = 512

// appendURI appends what names a request's resource (RFC 9111, section 2):
// scheme, authority in lower case and path with query. No part has a zero byte.
func appendURI(key []byte, req *message.Head) []byte {
	key = append(key, req.Scheme...)
	key = append(key, 0)
	for _, c := range req.Authority {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		key = append(key, c)
	}
	key = append(key, 0)
	return append(key, req.Path...)
}

// appendVariant appends the values of the fields that an answer varies with
// (RFC 9111, section 4.1). Lines of one field are joined.
func appendVariant(key []byte, req *message.Head, names []string) []byte {
	for _, name := range names {
		key = append(key, 0)
		for i := range req.Fields {
			f := &req.Fields[i]
			if f.ID == message.Removed || !message.EqualFold(f.Name, name) {
				continue
			}
			key = append(key, ',') // so that empty is not the same as absent
			key = append(key, trim(f.Value)...)
		}
	}
	return key
}

// varies lists the names in resp's Vary fields in lower case, each once, in
// their order. Ok is false for "*", which matches no other request.
func varies(resp *message.Head) (names []string, ok bool) {
	for i := range resp.Fields {
		if resp.Fields[i].ID != message.Vary {
			continue
		}
		for name := range bytes.SplitSeq(resp.Fields[i].Value, []byte(",")) {
			switch name := string(bytes.ToLower(trim(name))); {
			case name == "*":
				return nil, false
			case name != "" && !slices.Contains(names, name):
				names = append(names, name)
			}
		}
	}
	return names, true
}
