package store

import (
	"cmp"
	"time"
)

// Bounds are how much a Store keeps: see Options, whose defaults they have, too.
type Bounds struct {
	Limit         int64
	MaxAge        time.Duration
	SamplePercent int
}

// bounds are those of a shelf at the moment.
type bounds struct {
	limit, headBytes int64
	maxAge           time.Duration
	percent          int
}

// of returns the bounds of spans and of logs.
func (b Bounds) of(o *Options) (spans, logs *bounds) {
	b.Limit = cmp.Or(b.Limit, 2<<30)
	one := bounds{
		headBytes: cmp.Or(o.HeadBytes, min(16<<20, max(b.Limit/64, 64<<10))),
		maxAge:    b.MaxAge, percent: cmp.Or(b.SamplePercent, 10),
	}
	of := one
	one.limit = b.Limit / 100 * int64(o.SpanShare)
	of.limit = b.Limit - one.limit
	return &one, &of
}

// MaxAge is how old records may become at present; 0: any age.
func (s *Store) MaxAge() time.Duration { return s.spans.bounds.Load().maxAge }

// SetBounds changes how much is kept from now on. What is beyond them goes soon.
func (s *Store) SetBounds(b Bounds) {
	spans, logs := b.of(&s.spans.Options)
	s.spans.bounds.Store(spans)
	s.logs.bounds.Store(logs)
	s.spans.poke()
	s.logs.poke()
}
