package export

import (
	"context"
	"strconv"
	"strings"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
	"github.com/banyanrun/banyan/internal/telemetry/store"
)

// Bounds of a batch: records, and about the bytes that they take up in memory.
const (
	batchMost  = 4096
	batchBytes = 4 << 20
)

// Origin is the attribute of resources that says by which Banyans records were
// exported, one behind the other.
const Origin = "banyan.exported_by"

// records reads spans or log records.
type records struct {
	signal  Signal
	follow  *store.Follower
	origin  string // this Banyan's
	prefix  string // of IDs
	counter *counter
	skip    func(*signal.Resource) bool
	lost    int64 // that was counted

	to     store.Place // where the batch ends
	marked map[*signal.Resource]*signal.Resource
}

// next implements source.
func (r *records) next(ctx context.Context, _ bool) (b Batch, err error) {
	for {
		b = Batch{Signal: r.signal}
		r.marked = map[*signal.Resource]*signal.Resource{}
		back, left, size := 0, 0, int64(0)
		// take reports whether there is room for a record yet.
		take := func(at store.Place, of **signal.Resource, bytes int64) (room, own bool) {
			switch {
			case r.skip(*of):
				left++
				return true, false
			case r.came(*of):
				back++
				return true, false
			}
			if size += bytes; size > batchBytes && b.Len() > 0 {
				return false, false
			}
			*of = r.mark(*of)
			b.IDs = append(b.IDs, r.id(at))
			return true, true
		}
		if r.signal == Traces {
			r.to, err = r.follow.Spans(ctx, batchMost, func(at store.Place, s *signal.Span) bool {
				room, own := take(at, &s.Resource, signal.SizeOfSpans([]signal.Span{*s}))
				if own {
					b.Spans = append(b.Spans, *s)
				}
				return room
			})
		} else {
			r.to, err = r.follow.Logs(ctx, batchMost, func(at store.Place, l *signal.Log) bool {
				room, own := take(at, &l.Resource, signal.SizeOfLogs([]signal.Log{*l}))
				if own {
					b.Logs = append(b.Logs, *l)
				}
				return room
			})
		}
		if lost := r.follow.Lost(); lost > r.lost {
			r.counter.drop("not sent while it was kept", lost-r.lost)
			r.lost = lost
		}
		r.counter.drop("it came from here", int64(back))
		if err != nil || b.Len() > 0 || back+left == 0 {
			return b, err
		}
		r.done()
	}
}

// done implements source.
func (r *records) done() { r.follow.Move(r.to) }

// came reports whether a record was sent by this Banyan before, and returned.
func (r *records) came(of *signal.Resource) bool {
	v, ok := of.Attrs.Get(Origin)
	if !ok {
		return false
	}
	for one := range strings.SplitSeq(v.Text, ",") {
		if one == r.origin {
			return true
		}
	}
	return false
}

// mark is a resource that says that it was exported here.
func (r *records) mark(of *signal.Resource) *signal.Resource {
	if m := r.marked[of]; m != nil {
		return m
	}
	m := *of
	m.Attrs = make(signal.Attrs, 0, len(of.Attrs)+1)
	before := ""
	for _, a := range of.Attrs {
		if a.Key != Origin {
			m.Attrs = append(m.Attrs, a)
		} else if before == "" {
			before = a.Value.Text + ","
		}
	}
	m.Attrs = append(m.Attrs, signal.Attr{Key: Origin, Value: signal.Text(before + r.origin)})
	r.marked[of] = &m
	return &m
}

func (r *records) id(at store.Place) string {
	b := append([]byte(r.prefix), '-')
	if at.File != "" {
		b = append(b, at.File...)
	} else {
		b = strconv.AppendUint(b, at.Number, 10)
	}
	return string(strconv.AppendInt(append(b, '-'), int64(at.Row), 10))
}

func (r *records) waiting() int64 { return r.follow.Waiting() }

func (r *records) close() { r.follow.Close() }
