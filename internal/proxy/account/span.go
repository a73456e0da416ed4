package account

import (
	"sync/atomic"
	"time"
)

// Span is one hop of a trace: a request, from the caller to the answer's end.
type Span struct {
	// Trace, ID and Parent are those of W3C Trace Context. ID is the one that the
	// instance got as its parent; Parent is zero where the trace began here.
	Trace  [16]byte
	ID     [8]byte
	Parent [8]byte

	Caller, Callee, Route string
	// Instance and Revision had the request last; empty: none had it.
	Instance, Revision string

	// Method is HTTP's, or OtherMethod; empty: the request could not be read.
	Method string
	// path is what SetPath was given. It is kept here, as a string of its own would
	// cost each request an allocation.
	path    [pathMost]byte
	pathLen uint8

	Start    int64 // nanoseconds since 1970
	Duration time.Duration
	// Status, Code, Failed and Tries are as in Outcome.
	Status int
	Code   string
	Failed bool
	Tries  int
}

// OtherMethod stands for methods that are not HTTP's own, as in OpenTelemetry.
const OtherMethod = "_OTHER"

// SetPath copies the path without its query; of a long one the beginning.
func (s *Span) SetPath(path []byte) { s.pathLen = uint8(copy(s.path[:], path)) }

// Path is what SetPath was given.
func (s *Span) Path() string { return string(s.path[:s.pathLen]) }

const (
	batchLen  = 256
	mostQueue = 64 // batches that may wait
	pathMost  = 80 // bytes
)

// Spans hands spans on without ever holding a loop up: each loop gathers them in a
// [Batch]; a batch that does not fit the queue is dropped and counted.
type Spans struct {
	queue chan []Span
	spare chan []Span
	lost  atomic.Uint64
}

// NewSpans returns one with an empty queue.
func NewSpans() *Spans {
	return &Spans{queue: make(chan []Span, mostQueue), spare: make(chan []Span, 4)}
}

// Lost is how many spans were dropped. Safe from any goroutine.
func (s *Spans) Lost() uint64 { return s.lost.Load() }

// Run calls receive with one batch after the other until done is closed and the
// queue is empty. A batch is valid until receive returns.
func (s *Spans) Run(done <-chan struct{}, receive func([]Span)) {
	for {
		select {
		case batch := <-s.queue:
			s.hand(batch, receive)
		case <-done:
			for len(s.queue) > 0 {
				s.hand(<-s.queue, receive)
			}
			return
		}
	}
}

func (s *Spans) hand(batch []Span, receive func([]Span)) {
	receive(batch)
	clear(batch)
	select {
	case s.spare <- batch[:0]:
	default:
	}
}

// Batch is one loop's spans on their way to the queue; that loop alone uses it.
type Batch struct {
	spans *Spans
	buf   []Span
}

// Batch returns an empty one, for one loop.
func (s *Spans) Batch() *Batch { return &Batch{spans: s} }

// Next returns a zero span to fill in. It is valid until the next call.
func (b *Batch) Next() *Span {
	if len(b.buf) == batchLen {
		b.Flush()
	}
	if b.buf == nil {
		select {
		case b.buf = <-b.spans.spare:
		default:
			b.buf = make([]Span, 0, batchLen)
		}
	}
	b.buf = append(b.buf, Span{})
	return &b.buf[len(b.buf)-1]
}

// Len is how many spans were not handed on yet.
func (b *Batch) Len() int { return len(b.buf) }

// Flush hands on what was gathered.
func (b *Batch) Flush() {
	if len(b.buf) == 0 {
		return
	}
	select {
	case b.spans.queue <- b.buf:
		b.buf = nil
	default:
		b.spans.lost.Add(uint64(len(b.buf)))
		clear(b.buf)
		b.buf = b.buf[:0]
	}
}
