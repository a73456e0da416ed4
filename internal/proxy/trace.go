package proxy

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// traceID is W3C Trace Context's identity of a request, in lower-case hex.
type traceID struct {
	trace   []byte // 32 digits
	span    []byte // 16 digits: the client's as it is read, ours once the trace is continued
	parent  []byte // 16 digits: the client's; nil: the trace begins here
	sampled bool
}

const (
	traceparentLen = 55
	noTrace        = "00000000000000000000000000000000"
)

// parseTraceparent reads the header's value, of any version but ff:
// https://www.w3.org/TR/trace-context/#traceparent-header
func parseTraceparent(v []byte) (traceID, bool) {
	if len(v) < traceparentLen || v[2] != '-' || v[35] != '-' || v[52] != '-' {
		return traceID{}, false
	}
	version, trace, span, flags := v[:2], v[3:35], v[36:52], v[53:55]
	if !lowerHex(version) || !lowerHex(trace) || !lowerHex(span) || !lowerHex(flags) {
		return traceID{}, false
	}
	if string(version) == "ff" || string(version) == "00" && len(v) != traceparentLen || len(v) > traceparentLen && v[55] != '-' {
		return traceID{}, false
	}
	if string(trace) == noTrace || string(span) == noTrace[:16] {
		return traceID{}, false
	}
	return traceID{trace: trace, span: span, sampled: unhex(flags[1])&1 != 0}, true
}

func lowerHex(s []byte) bool {
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// unhex is the value of a lower-case digit.
func unhex(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

// continueTrace puts a traceparent with a span of ours into h: of the trace in
// h, or, where it has none or a broken one, of a new trace that is sampled. A head
// that says it in B3 goes on saying it there, too.
func continueTrace(h *message.Head) traceID {
	said := findTrace(h)
	var t traceID
	ok := false
	if said.parents == 1 {
		t, ok = parseTraceparent(h.Fields[said.parent].Value)
	}
	if !ok {
		if said.state {
			h.Remove(message.Tracestate) // it belongs to the trace that is not continued
		}
		t.sampled = true
	}
	if said.b3 {
		return continueB3(h, t, said)
	}
	t.enter(h, said)
	return t
}

// traceFields are where a head says of what trace it is.
type traceFields struct {
	parent, parents int // the last traceparent, and how many there are
	state, b3       bool
}

var telling = [256]bool{
	message.Traceparent: true, message.Tracestate: true,
	message.B3: true, message.XB3TraceID: true, message.XB3SpanID: true, message.XB3ParentSpanID: true, message.XB3Sampled: true, message.XB3Flags: true,
}

// findTrace looks for all of them at once: most heads have none.
func findTrace(h *message.Head) (said traceFields) {
	for i := range h.Fields {
		id := h.Fields[i].ID
		switch {
		case !telling[id]:
		case id == message.Traceparent:
			said.parent = i
			said.parents++
		case id == message.Tracestate:
			said.state = true
		default:
			said.b3 = true
		}
	}
	return said
}

// enter makes a span of ours the trace's, which begins here if there is none, and
// puts it into h.
func (t *traceID) enter(h *message.Head, said traceFields) {
	v := h.Space(traceparentLen)
	copy(v, "00-")
	if t.trace != nil {
		copy(v[3:], t.trace)
		t.parent = t.span
	} else {
		randomHex(v[3:35])
	}
	t.trace, t.span = v[3:35], v[36:52]
	v[35] = '-'
	randomHex(v[36:52])
	copy(v[52:], "-00")
	if t.sampled {
		v[54] = '1'
	}
	switch said.parents {
	case 0:
		h.Add(message.Traceparent, v)
	case 1:
		h.Fields[said.parent].Value = v
	default:
		h.Set(message.Traceparent, v)
	}
}

// randomHex fills dst, a multiple of 16 long, never with zeros alone.
func randomHex(dst []byte) {
	var raw [8]byte
	for i := 0; i < len(dst); i += 16 {
		binary.BigEndian.PutUint64(raw[:], max(1, rand.Uint64())) //nolint:gosec // unique, not secret
		hex.Encode(dst[i:], raw[:])
	}
}

// requestID returns the client's X-Request-Id if it is sane, else a new one, and puts it into h.
func requestID(h *message.Head) []byte {
	if i := h.Index(message.XRequestID); i >= 0 && saneID(h.Fields[i].Value) && h.Count(message.XRequestID) == 1 {
		return h.Fields[i].Value
	}
	id := h.Space(32)
	randomHex(id)
	h.Set(message.XRequestID, id)
	return id
}

// saneID allows 1 to 128 characters that need no quoting anywhere.
func saneID(s []byte) bool {
	if len(s) == 0 || len(s) > 128 {
		return false
	}
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case c == '-', c == '_', c == '.', c == ':', c == '/', c == '=', c == '+', c == '@', c == '~':
		default:
			return false
		}
	}
	return true
}
