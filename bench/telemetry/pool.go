package main

import (
	"encoding/binary"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/block/blocktest"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

const (
	// poolSize is how many records are made beforehand: twice as many as a block has.
	poolSize = 1 << 16
	batch    = 512
	// rareKey is an attribute that one span in the middle has.
	rareKey, rareValue = "order.id", "the-one"
)

// pool makes records quickly: the same again and again, with other ids and times.
type pool struct {
	spans []signal.Span
	span  int64 // the time that the pool covers
	round uint64
	at    int
	ids   []signal.TraceID // some that were stored
	first int64
}

func newPool(now time.Time, spans int) *pool {
	p := &pool{}
	source := blocktest.New(1, 0)
	p.spans = source.Spans(poolSize)[:poolSize]
	last := p.spans[len(p.spans)-1].Start + 1e6
	p.span = last
	p.first = now.UnixNano() - last*int64(spans/poolSize+1)
	for i := range p.spans {
		p.spans[i].Start += p.first
		p.spans[i].End += p.first
	}
	return p
}

// next returns the next batch. What was returned before is changed.
func (p *pool) next(n int) []signal.Span {
	if p.at == len(p.spans) {
		p.at = 0
		p.round++
		for i := range p.spans {
			s := &p.spans[i]
			s.Start += p.span
			s.End += p.span
			turn(s.Trace[8:], p.round)
			turn(s.ID[:], p.round)
			if !s.Parent.IsZero() {
				turn(s.Parent[:], p.round)
			}
		}
	}
	end := min(p.at+n, len(p.spans))
	spans := p.spans[p.at:end]
	p.at = end
	if p.round%3 == 1 && len(p.ids) < 10_000 {
		p.ids = append(p.ids, spans[0].Trace)
	}
	return spans
}

// turn makes another id of one, the same for all that are the same.
func turn(id []byte, round uint64) {
	binary.BigEndian.PutUint64(id, binary.BigEndian.Uint64(id)*0x9e3779b97f4a7c15+round)
}

// mark returns a copy of a batch whose first span has the rare attribute.
func mark(spans []signal.Span) []signal.Span {
	marked := append([]signal.Span(nil), spans...)
	marked[0].Attrs = append(append(signal.Attrs(nil), marked[0].Attrs...), signal.Attr{Key: rareKey, Value: signal.Text(rareValue)})
	return marked
}
