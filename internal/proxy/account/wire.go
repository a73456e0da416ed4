package account

import (
	"encoding/binary"
	"errors"
	"time"
)

// wireVersion begins encoded spans.
const wireVersion = 1

// The bits of an encoded span's first byte.
const (
	wireFailed = 1 << iota
	wireParent // there is one
)

// way is what many spans of a batch have in common.
type way struct {
	caller, callee, route, instance, revision, code, method string
}

func (w *way) strings() [7]*string {
	return [...]*string{&w.caller, &w.callee, &w.route, &w.instance, &w.revision, &w.code, &w.method}
}

// Encoder turns batches of spans into bytes, for ReadSpans. After the version come
// the spans to the end: flags, trace, id, where flagged the parent, the number of the
// way, then varints: the time from the start of the span before, duration, status and
// tries, then the path with its length. The way of the next free number is a new one,
// and its strings follow it, each with its length.
type Encoder struct {
	buf   []byte
	first []way // the first ones, nearly always all: looking through them costs less than hashing
	ways  map[way]uint64
}

// firstMost bounds Encoder.first.
const firstMost = 16

// Encode returns the bytes of spans, which are valid until the next call.
func (e *Encoder) Encode(spans []Span) []byte {
	if e.ways == nil {
		e.ways = map[way]uint64{}
	}
	clear(e.ways)
	clear(e.first)
	e.first = e.first[:0]
	b := e.buf[:0]
	b = append(b, wireVersion)
	start := int64(0)
	for i := range spans {
		s := &spans[i]
		b = e.head(b, s)
		b = binary.AppendVarint(b, s.Start-start)
		start = s.Start
		b = binary.AppendUvarint(b, uint64(max(0, s.Duration)))
		b = binary.AppendUvarint(b, uint64(max(0, s.Status)))
		b = binary.AppendUvarint(b, uint64(max(0, s.Tries)))
		b = append(b, s.pathLen)
		b = append(b, s.path[:s.pathLen]...)
	}
	e.buf = b
	return b
}

// head appends who a span is, and its way.
func (e *Encoder) head(b []byte, s *Span) []byte {
	flags := byte(0)
	if s.Failed {
		flags |= wireFailed
	}
	if s.Parent != [8]byte{} {
		flags |= wireParent
	}
	b = append(b, flags)
	b = append(b, s.Trace[:]...)
	b = append(b, s.ID[:]...)
	if flags&wireParent != 0 {
		b = append(b, s.Parent[:]...)
	}
	for i := range e.first {
		if w := &e.first[i]; w.callee == s.Callee && w.instance == s.Instance && w.method == s.Method && w.code == s.Code &&
			w.caller == s.Caller && w.route == s.Route && w.revision == s.Revision {
			return binary.AppendUvarint(b, uint64(i))
		}
	}
	w := way{s.Caller, s.Callee, s.Route, s.Instance, s.Revision, s.Code, s.Method}
	n, known := e.ways[w]
	if known {
		return binary.AppendUvarint(b, n)
	}
	n = uint64(len(e.ways))
	e.ways[w] = n
	if len(e.first) < firstMost {
		e.first = append(e.first, w)
	}
	b = binary.AppendUvarint(b, n)
	for _, text := range w.strings() {
		b = binary.AppendUvarint(b, uint64(len(*text)))
		b = append(b, *text...)
	}
	return b
}

// ErrSpans is returned for bytes that are no spans, or of a version that is not known.
var ErrSpans = errors.New("these are no spans of the data plane")

// ReadSpans undoes Encode.
func ReadSpans(data []byte) ([]Span, error) {
	if len(data) == 0 || data[0] != wireVersion {
		return nil, ErrSpans
	}
	r := &wireReader{data: data[1:]}
	var spans []Span
	start := int64(0)
	for len(r.data) > 0 && !r.bad {
		spans = append(spans, Span{})
		start = r.span(&spans[len(spans)-1], start)
	}
	if r.bad {
		return nil, ErrSpans
	}
	return spans, nil
}

// wireReader reads what an Encoder wrote.
type wireReader struct {
	data []byte
	ways []way
	bad  bool // there is not what should be
}

// span reads one, and returns its start.
func (r *wireReader) span(s *Span, before int64) int64 {
	flags := r.take(1)[0]
	copy(s.Trace[:], r.take(len(s.Trace)))
	copy(s.ID[:], r.take(len(s.ID)))
	if flags&wireParent != 0 {
		copy(s.Parent[:], r.take(len(s.Parent)))
	}
	s.Failed = flags&wireFailed != 0
	w := r.way()
	s.Caller, s.Callee, s.Route, s.Instance, s.Revision, s.Code, s.Method = w.caller, w.callee, w.route, w.instance, w.revision, w.code, w.method
	s.Start = before + r.varint()
	s.Duration = time.Duration(r.number())
	s.Status, s.Tries = int(r.number()), int(r.number())
	n := int(r.take(1)[0])
	if n > pathMost {
		r.bad = true
		return 0
	}
	s.SetPath(r.take(n))
	return s.Start
}

func (r *wireReader) way() way {
	n := r.number()
	switch {
	case n < int64(len(r.ways)):
		return r.ways[n]
	case n > int64(len(r.ways)):
		r.bad = true
		return way{}
	}
	var w way
	for _, text := range w.strings() {
		n := r.number()
		if n > int64(len(r.data)) {
			r.bad = true
			return way{}
		}
		*text = string(r.take(int(n)))
	}
	r.ways = append(r.ways, w)
	return w
}

// take returns the next n bytes; zeros where there are not so many.
func (r *wireReader) take(n int) []byte {
	if n > len(r.data) {
		r.bad, r.data = true, nil
		return make([]byte, n)
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

// number reads one that is not negative.
func (r *wireReader) number() int64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 || int64(v) < 0 {
		r.bad, r.data = true, nil
		return 0
	}
	r.data = r.data[n:]
	return int64(v)
}

func (r *wireReader) varint() int64 {
	v, n := binary.Varint(r.data)
	if n <= 0 {
		r.bad, r.data = true, nil
		return 0
	}
	r.data = r.data[n:]
	return v
}
