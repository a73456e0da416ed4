package hpack

import "github.com/banyanrun/banyan/internal/proxy/message"

const staticFields = 61

// static is RFC 7541 appendix A; index 0 is no field.
var static = func() (t [staticFields + 1]Field) {
	for i, f := range staticText {
		name, value := []byte(f[0]), []byte(f[1])
		t[i+1] = Field{Name: name, Value: value, ID: message.Identify(name), Pseudo: pseudo(name)}
	}
	return t
}()

var staticText = [staticFields][2]string{
	{":authority", ""},
	{":method", "GET"},
	{":method", "POST"},
	{":path", "/"},
	{":path", "/index.html"},
	{":scheme", "http"},
	{":scheme", "https"},
	{":status", "200"},
	{":status", "204"},
	{":status", "206"},
	{":status", "304"},
	{":status", "400"},
	{":status", "404"},
	{":status", "500"},
	{"accept-charset", ""},
	{"accept-encoding", "gzip, deflate"},
	{"accept-language", ""},
	{"accept-ranges", ""},
	{"accept", ""},
	{"access-control-allow-origin", ""},
	{"age", ""},
	{"allow", ""},
	{"authorization", ""},
	{"cache-control", ""},
	{"content-disposition", ""},
	{"content-encoding", ""},
	{"content-language", ""},
	{"content-length", ""},
	{"content-location", ""},
	{"content-range", ""},
	{"content-type", ""},
	{"cookie", ""},
	{"date", ""},
	{"etag", ""},
	{"expect", ""},
	{"expires", ""},
	{"from", ""},
	{"host", ""},
	{"if-match", ""},
	{"if-modified-since", ""},
	{"if-none-match", ""},
	{"if-range", ""},
	{"if-unmodified-since", ""},
	{"last-modified", ""},
	{"link", ""},
	{"location", ""},
	{"max-forwards", ""},
	{"proxy-authenticate", ""},
	{"proxy-authorization", ""},
	{"range", ""},
	{"referer", ""},
	{"refresh", ""},
	{"retry-after", ""},
	{"server", ""},
	{"set-cookie", ""},
	{"strict-transport-security", ""},
	{"transfer-encoding", ""},
	{"user-agent", ""},
	{"vary", ""},
	{"via", ""},
	{"www-authenticate", ""},
}

// Places in the static table of what the encoder writes without a search.
const (
	atAuthority      = 1
	atMethod         = 2
	atPath           = 4
	atScheme         = 6
	atStatus         = 8
	atAcceptEncoding = 16
)

// Pseudo tells a pseudo-header field (RFC 9113 section 8.3).
type Pseudo uint8

// The pseudo-header fields. Regular is an ordinary field, Unknown a name that
// begins with a colon and is none of them.
const (
	Regular Pseudo = iota
	Method
	Scheme
	Authority
	Path
	Status
	Protocol // of an extended CONNECT (RFC 8441 section 4)
	Unknown
)

func pseudo(name []byte) Pseudo {
	if len(name) == 0 || name[0] != ':' {
		return Regular
	}
	switch string(name) {
	case ":method":
		return Method
	case ":scheme":
		return Scheme
	case ":authority":
		return Authority
	case ":path":
		return Path
	case ":status":
		return Status
	case ":protocol":
		return Protocol
	}
	return Unknown
}

// staticByID is the static table's place of a known field's name; 0: it has none.
var staticByID = func() (t [256]uint8) {
	for i := staticFields; i > 0; i-- {
		if id := static[i].ID; id != message.Other {
			t[id] = uint8(i)
		}
	}
	return t
}()

// staticByName is the same for the names that package message does not know.
var staticByName = func() map[string]uint8 {
	m := map[string]uint8{}
	for i := staticFields; i > 0; i-- {
		if f := &static[i]; f.ID == message.Other && f.Pseudo == Regular {
			m[string(f.Name)] = uint8(i)
		}
	}
	return m
}()
