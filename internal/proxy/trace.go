package proxy

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
)

// traceID is W3C Trace Context's identity of a request, in lower-case hex.
type traceID struct {
	trace   string // 32 digits
	sampled bool
}

// parseTraceparent reads the header's value, of any version but ff:
// https://www.w3.org/TR/trace-context/#traceparent-header
func parseTraceparent(v string) (traceID, bool) {
	if len(v) < 55 || v[2] != '-' || v[35] != '-' || v[52] != '-' {
		return traceID{}, false
	}
	version, trace, span, flags := v[:2], v[3:35], v[36:52], v[53:55]
	if !lowerHex(version) || !lowerHex(trace) || !lowerHex(span) || !lowerHex(flags) {
		return traceID{}, false
	}
	if version == "ff" || version == "00" && len(v) != 55 || len(v) > 55 && v[55] != '-' {
		return traceID{}, false
	}
	if trace == "00000000000000000000000000000000" || span == "0000000000000000" {
		return traceID{}, false
	}
	f, _ := hex.DecodeString(flags)
	return traceID{trace: trace, sampled: f[0]&1 != 0}, true
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// continueTrace puts a traceparent with a span of ours into h: of the trace in
// h, or, where it has none or a broken one, of a new trace that is sampled.
func continueTrace(h http.Header) traceID {
	t, ok := traceID{}, false
	if v := h["Traceparent"]; len(v) == 1 {
		t, ok = parseTraceparent(v[0])
	}
	if !ok {
		delete(h, "Tracestate") // it belongs to the trace that is not continued
		t = traceID{trace: randomHex(16), sampled: true}
	}
	flags := "-00"
	if t.sampled {
		flags = "-01"
	}
	h["Traceparent"] = []string{"00-" + t.trace + "-" + randomHex(8) + flags}
	return t
}

// randomHex returns n random bytes, n a multiple of 8, never all zero.
func randomHex(n int) string {
	var raw [16]byte
	var text [32]byte
	for i := 0; i < n; i += 8 {
		binary.BigEndian.PutUint64(raw[i:], max(1, rand.Uint64())) //nolint:gosec // unique, not secret
	}
	hex.Encode(text[:], raw[:n])
	return string(text[:2*n])
}

// requestID returns the client's X-Request-Id if it is sane, else a new one, and puts it into h.
func requestID(h http.Header) string {
	if v := h["X-Request-Id"]; len(v) == 1 && saneID(v[0]) {
		return v[0]
	}
	id := randomHex(16)
	h["X-Request-Id"] = []string{id}
	return id
}

// saneID allows 1 to 128 characters that need no quoting anywhere.
func saneID(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case c == '-', c == '_', c == '.', c == ':', c == '/', c == '=', c == '+', c == '@', c == '~':
		default:
			return false
		}
	}
	return true
}
