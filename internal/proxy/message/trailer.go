package message

import "bytes"

// trails are the known fields that may be trailers: none that frames, routes,
// identifies or says what the content is (RFC 9110, 6.5.1), so few.
var trails = [256]bool{Other: true, ETag: true, GrpcMessage: true, GrpcStatus: true}

// untrailing are fields without an ID that may not be trailers.
var untrailing = [...]string{
	"content-encoding", "content-range", "content-language", "content-location", "max-forwards", "set-cookie2",
	"if-match", "if-range", "if-unmodified-since", "strict-transport-security", "x-http-method-override",
}

// ours starts the names that only the data plane sets.
var ours = [...]string{"banyan-", "x-forwarded-"}

// MayTrail reports whether a trailer may be passed on: not if it would mean
// something in a head, to who does not tell trailers from heads. One with an
// underscore is not: CGI-like servers would take it for another.
func MayTrail(id ID, name []byte) bool {
	if !trails[id] {
		return false
	}
	if id != Other {
		return true
	}
	if bytes.IndexByte(name, '_') >= 0 {
		return false
	}
	for _, s := range untrailing {
		if EqualFold(name, s) {
			return false
		}
	}
	for _, prefix := range ours {
		if len(name) >= len(prefix) && EqualFold(name[:len(prefix)], prefix) {
			return false
		}
	}
	return true
}
