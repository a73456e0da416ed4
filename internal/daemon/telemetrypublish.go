package daemon

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/outbox"
	"github.com/banyanrun/banyan/internal/route"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// publishing is a publish that is under way.
type publishing struct {
	room             *telemetryRoom
	publisher, topic string
	events           []cloudevent.Event
	began            time.Time
	own              map[string]bool // traceparents of traces that begin with it
}

// publishing begins a publish of events that may say nothing of a trace, as those of
// an outbox or of a person: such a trace begins with it. Apart, each event has its own.
// The events to be published are the result's.
func (r *telemetryRoom) publishing(publisher, topic string, events []cloudevent.Event, apart bool) *publishing {
	p := &publishing{room: r, publisher: publisher, topic: topic, events: slices.Clone(events), began: time.Now(), own: map[string]bool{}}
	var parent string
	for i := range p.events {
		e := &p.events[i]
		if _, has := e.Get(traceParent); has {
			continue
		}
		if parent == "" || apart {
			parent = newTraceParent()
			p.own[parent] = true
		}
		e.Attrs = slices.Clip(e.Attrs) // those of the caller's stay as they are
		e.Default(traceParent, parent)
	}
	return p
}

// newTraceParent is that of a new trace, which is sampled.
func newTraceParent() string {
	var trace signal.TraceID
	binary.BigEndian.PutUint64(trace[:], rand.Uint64())          //nolint:gosec // unique, not secret
	binary.BigEndian.PutUint64(trace[8:], max(1, rand.Uint64())) //nolint:gosec // as above
	return "00-" + trace.String() + "-" + newSpanID().String() + "-01"
}

// end makes a span of the publish for each trace that its events are of. failed says
// why an event was not published.
func (p *publishing) end(failed func(i int) error) {
	var spans []signal.Span
	var counts []int64
	at := map[string]int{}
	end := time.Now().UnixNano()
	for i := range p.events {
		text, _ := p.events[i].Get(traceParent)
		n, known := at[text]
		if !known {
			s, ok := p.span(text, end)
			if !ok {
				continue
			}
			n = len(spans)
			at[text] = n
			spans, counts = append(spans, s), append(counts, 0)
		}
		counts[n]++
		if err := failed(i); err != nil {
			spans[n].Status, spans[n].Message = signal.StatusError, err.Error()
		}
	}
	for i := range spans {
		spans[i].Attrs = append(spans[i].Attrs, signal.Attr{Key: "messaging.batch.message_count", Value: signal.Integer(counts[i])})
	}
	p.room.engine.Seen("bus and sagas", spans)
}

// span is one in the trace of a traceparent; false: that is none, or is not sampled.
func (p *publishing) span(text string, end int64) (signal.Span, bool) {
	trace, parent, ok := parseParent(text)
	if !ok {
		return signal.Span{}, false
	}
	s := signal.Span{
		Trace: trace, ID: newSpanID(), Parent: parent, Name: "publish " + p.topic, Kind: signal.KindProducer,
		Start: p.began.UnixNano(), End: end, Resource: ourselves, Scope: signal.Scope{Name: signal.ScopeBus},
		Attrs: textAttrs("messaging.system", route.Platform, "messaging.destination.name", p.topic, "messaging.operation.name", "publish",
			"banyan.publisher", p.publisher),
	}
	if p.own[text] {
		s.ID, s.Parent = parent, signal.SpanID{}
	}
	return s, true
}

// tracedRelay makes spans of what outboxes publish. A publish that is to be tried again
// has none yet.
type tracedRelay struct {
	outbox.Publisher

	room *telemetryRoom
}

// Publish implements outbox.Publisher.
func (t tracedRelay) Publish(ctx context.Context, service, topic string, events []cloudevent.Event) ([]error, error) {
	p := t.room.publishing(service, topic, events, true)
	never, err := t.Publisher.Publish(ctx, service, topic, p.events)
	if err == nil {
		p.end(func(i int) error {
			if i < len(never) {
				return never[i]
			}
			return nil
		})
	}
	return never, err
}
