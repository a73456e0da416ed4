package proxy

import (
	"bytes"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// b3 is what a head says of its trace as Zipkin's clients do:
// https://github.com/openzipkin/b3-propagation
type b3 struct {
	single, multi bool   // the forms that it came in: b3, X-B3-…
	trace, span   []byte // 16 or 32 digits, and 16; nil: there are none, or broken ones
	decided       bool   // it says whether the trace is sampled
	sampled       bool
	debug         bool // it is sampled whatever anybody else would say
}

// maxB3 is the longest single header.
const maxB3 = 32 + 1 + 16 + 1 + 1 + 1 + 16

// continueB3 is continueTrace for a head with B3. A traceparent wins, as with the
// propagators of OpenTelemetry: t has a trace then. What goes on says the same in
// all forms.
func continueB3(h *message.Head, t traceID, said traceFields) traceID {
	b := readB3(h)
	if t.trace == nil {
		if b.decided {
			t.sampled = b.sampled
		}
		if b.trace != nil {
			ids := h.Space(traceparentLen - 7) // without dashes, version and flags
			lowerInto(ids[:32], b.trace)
			lowerInto(ids[32:], b.span)
			t.trace, t.span = ids[:32], ids[32:]
		}
	}
	t.enter(h, said)
	b.pass(h, &t)
	return t
}

// readB3 reads the single header, or the others where there is none.
func readB3(h *message.Head) b3 {
	var b b3
	var single, trace, span, sampled, flags []byte
	for i := range h.Fields {
		f := &h.Fields[i]
		switch f.ID {
		case message.B3:
			b.single = true
			single = once(single, f.Value)
		case message.XB3TraceID:
			trace = once(trace, f.Value)
		case message.XB3SpanID:
			span = once(span, f.Value)
		case message.XB3Sampled:
			sampled = once(sampled, f.Value)
		case message.XB3Flags:
			flags = once(flags, f.Value)
		case message.XB3ParentSpanID:
		default:
			continue
		}
		b.multi = b.multi || f.ID != message.B3
	}
	if b.single {
		b.parse(single)
		return b
	}
	b.identify(trace, span)
	if string(flags) != "1" || !b.decide('d') {
		switch {
		case string(sampled) == "1", message.EqualFold(sampled, "true"): // the words are of old clients
			b.decide('1')
		case string(sampled) == "0", message.EqualFold(sampled, "false"):
			b.decide('0')
		}
	}
	return b
}

// once is a field's value; one that comes twice has none.
func once(before, value []byte) []byte {
	if before != nil {
		return []byte{}
	}
	return value
}

var dash = []byte("-")

// parse reads the single header: ids, a decision and the parent; ids and no
// decision; or a decision alone. One that is broken says nothing.
func (b *b3) parse(v []byte) {
	if len(v) == 1 {
		b.decide(v[0])
		return
	}
	trace, rest, _ := bytes.Cut(v, dash)
	span, rest, more := bytes.Cut(rest, dash)
	if more {
		state, parent, more := bytes.Cut(rest, dash)
		if more && !isB3(parent, 16) || len(state) != 1 || !b.decide(state[0]) {
			b.decided = false
			return
		}
	}
	if !b.identify(trace, span) {
		b.decided = false
	}
}

// decide takes a decision as the single header writes it.
func (b *b3) decide(c byte) bool {
	b.decided = c == '0' || c == '1' || c == 'd'
	b.sampled, b.debug = b.decided && c != '0', c == 'd'
	return b.decided
}

// identify takes ids if they are both good.
func (b *b3) identify(trace, span []byte) bool {
	if !isB3(trace, 32) && !isB3(trace, 16) || !isB3(span, 16) {
		return false
	}
	b.trace, b.span = trace, span
	return true
}

// isB3 reports whether an id has n digits that are not all zero. Upper case is not
// B3, and is what some send.
func isB3(id []byte, n int) bool {
	if len(id) != n {
		return false
	}
	zero := true
	for _, c := range id {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
		zero = zero && c == '0'
	}
	return !zero
}

// lowerInto writes an id's digits in lower case to the end of dst, behind zeros.
func lowerInto(dst, id []byte) {
	zeros := copy(dst, noTrace[:len(dst)-len(id)])
	for i, c := range id {
		if c > '9' {
			c |= 0x20
		}
		dst[zeros+i] = c
	}
}

// pass makes what h says in B3 what t says. An id of 64 bits stays as short as it
// came: who sent it may know no others.
func (b *b3) pass(h *message.Head, t *traceID) {
	trace := t.trace
	if len(b.trace) == 16 && string(trace[:16]) == noTrace[:16] {
		trace = trace[16:]
	}
	state := decisions[:1]
	switch {
	case t.sampled && b.debug:
		state = decisions[2:]
	case t.sampled:
		state = decisions[1:2]
	}
	if b.single {
		v := h.Space(maxB3)[:0]
		v = append(v, trace...)
		v = append(append(v, '-'), t.span...)
		v = append(append(v, '-'), state...)
		if t.parent != nil {
			v = append(append(v, '-'), t.parent...)
		}
		h.Set(message.B3, v)
	}
	if !b.multi {
		return
	}
	h.Set(message.XB3TraceID, trace)
	h.Set(message.XB3SpanID, t.span)
	h.Remove(message.XB3ParentSpanID)
	if t.parent != nil {
		h.Add(message.XB3ParentSpanID, t.parent)
	}
	if state[0] == 'd' { // which says that it is sampled, too
		h.Remove(message.XB3Sampled)
		h.Set(message.XB3Flags, decisions[1:2])
	} else {
		h.Set(message.XB3Sampled, state)
		h.Remove(message.XB3Flags)
	}
}

var decisions = []byte("01d")
