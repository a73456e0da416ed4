package nats

import (
	"encoding/hex"
	"strconv"
	"strings"

	client "github.com/nats-io/nats.go"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
)

// Headers of a message. Values are percent-encoded where they are not printable ASCII.
const (
	// headerRecord has the record's label and the attributes' names in order, with
	// commas: headers have none.
	headerRecord = "Banyan-Record"
	headerKey    = "Banyan-Key"
	headerAttr   = "ce-"
)

// overhead is the most bytes that a message has beyond its data, but for
// attributes that are full of what must be encoded.
const overhead = 72 << 10

func encode(subject string, r engine.Record) *client.Msg {
	names := make([]string, len(r.Attrs))
	h := client.Header{}
	for i, a := range r.Attrs {
		names[i] = a.Name
		h.Set(headerAttr+a.Name, escape(a.Value))
	}
	h.Set(headerRecord, remote.Label(r)+" "+strings.Join(names, ","))
	if r.Key != "" {
		h.Set(headerKey, escape(r.Key))
	}
	if r.Dedup > 0 {
		h.Set(client.MsgIdHdr, hex.EncodeToString(r.ID[:]))
	}
	return &client.Msg{Subject: subject, Header: h, Data: r.Data}
}

// decode returns false for a message that encode did not write.
func decode(h client.Header, data []byte) (r engine.Record, ok bool) {
	r, names, ok := remote.ReadLabel(h.Get(headerRecord))
	if !ok {
		return r, false
	}
	if r.Key, ok = unescape(h.Get(headerKey)); !ok {
		return r, false
	}
	if names != "" {
		for name := range strings.SplitSeq(names, ",") {
			value, ok := unescape(h.Get(headerAttr + name))
			if !ok {
				return r, false
			}
			r.Attrs = append(r.Attrs, engine.Attr{Name: name, Value: value})
		}
	}
	r.Data = data
	return r, true
}

// escape writes what a header cannot hold, spaces, quotes and % as %XX, as
// CloudEvents' HTTP binding does (3.1.3.2).
func escape(s string) string {
	plain := func(c byte) bool { return c > ' ' && c < 0x7f && c != '%' && c != '"' }
	n := 0
	for i := range len(s) {
		if !plain(s[i]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	const digits = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+2*n)
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(b)
}

func unescape(s string) (string, bool) {
	if !strings.Contains(s, "%") {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		c, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		b = append(b, byte(c))
		i += 2
	}
	return string(b), true
}
