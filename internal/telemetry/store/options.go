package store

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/banyanrun/banyan/internal/bus/journal/fsys"
)

// Options are what a Store needs. Only Dir has no default. Limit, MaxAge and
// SamplePercent are the first of its Bounds.
type Options struct {
	Dir   string // it has a directory each for spans and logs
	Limit int64  // bytes on disk in all; 0: 2 GiB
	// MaxAge of records; 0: no bound.
	MaxAge time.Duration
	// SpanShare is the part of Limit that is for spans, in per cent; 0: 60.
	SpanShare int
	// SamplePercent of traces are kept of those that are neither slow nor in error,
	// once they are no longer in the recent half of the spans' share; 0: 10. Below 0: none.
	SamplePercent int
	// HeadRecords and HeadBytes are how much is gathered in memory before it is made a
	// block; 0: 32,768 records and 16 MiB, or less if Limit is small.
	HeadRecords int
	HeadBytes   int64
	FS          fsys.FS          // nil: the operating system's
	Now         func() time.Time // nil: time.Now
	Log         *slog.Logger     // nil: none

	byHand bool // no goroutines: tests call work and sync
}

func (o Options) withDefaults() Options {
	o.SpanShare = min(cmp.Or(o.SpanShare, 60), 99)
	o.HeadRecords = cmp.Or(o.HeadRecords, 32<<10)
	if o.FS == nil {
		o.FS = fsys.OS{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}
