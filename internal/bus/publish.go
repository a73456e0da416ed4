package bus

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/progress"
	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/crashpoint"
)

// Result is what became of one published event.
type Result struct {
	ID, Source, Topic string
	// Sequence is its place in the topic; empty where it is not known, or not there yet.
	Sequence string
	// Duplicate: the same source and id were published before, and count.
	Duplicate bool
	// Scheduled is when the event will be published; zero: it is.
	Scheduled time.Time
}

// Publish checks events and stores them, and returns when they are as durable as
// the engine can make them. Checks are made of all before any is stored. It takes
// the events over: it completes their attributes, and their memory must not be
// changed after. Errors are *Error, and the context's; after those of the engine a
// part of the events may be stored, so repeat the call with the same ids.
func (b *Bus) Publish(ctx context.Context, publisher, topic string, events []cloudevent.Event) ([]Result, error) {
	t, err := b.admit(publisher, topic)
	if err != nil {
		return nil, err
	}
	drafts, err := t.drafts(publisher, events, time.Now())
	if err != nil {
		return nil, err
	}
	results := make([]Result, len(drafts))
	var now, later []int
	for i, d := range drafts {
		results[i] = Result{ID: attribute(&d.record, cloudevent.ID), Source: attribute(&d.record, cloudevent.Source), Topic: topic, Scheduled: d.due}
		if d.due.IsZero() {
			now = append(now, i)
		} else {
			later = append(later, i)
		}
	}
	if err := b.schedule(ctx, t, drafts, later, results); err != nil {
		return nil, err
	}
	if len(now) == 0 {
		return results, nil
	}
	records := make([]engine.Record, len(now))
	for i, n := range now {
		records[i] = drafts[n].record
	}
	placed, err := b.store(ctx, t, records)
	if err != nil {
		return nil, err
	}
	for i, n := range now {
		results[n].Duplicate = placed[i].Duplicate
		if placed[i].Offset > 0 {
			results[n].Sequence = sequence(placed[i].Position)
		}
	}
	return results, nil
}

// admit returns the topic if the publisher may publish to it now.
func (b *Bus) admit(publisher, topic string) (*topicState, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	t := b.topics[topic]
	switch {
	case b.closing:
		return nil, restarting(topic)
	case t == nil:
		return nil, refuse(NoTopic, topic, "no service declares topic %s", topic).
			fix("name it under `publishes` of the service in the app file, and apply")
	case publisher != Platform && !slices.Contains(b.spec.Publishes[publisher], topic):
		return nil, refuse(PublishRefused, topic, "service %s does not declare that it publishes to topic %s", publisher, topic).
			fix("add `publishes: [%s]` to service %s in the app file, and apply", topic, publisher)
	case t.stopped != nil:
		return nil, refuse(TopicStopped, topic, "%w", t.stopped).after(time.Minute)
	case b.full.Load():
		return nil, refuse(TopicFull, topic, "all topics together take up more than %d bytes%s", b.spec.MaxBytes, b.slowest("")).
			fix("raise `bus.max_bytes`, or mend what the subscription waits for")
	}
	return t, nil
}

// store gives records to the engine.
func (b *Bus) store(ctx context.Context, t *topicState, records []engine.Record) ([]engine.Placed, error) {
	placed, err := b.engine.Publish(ctx, t.name, records)
	if errors.Is(err, engine.ErrFull) && b.relieve(ctx, t.name) {
		placed, err = b.engine.Publish(ctx, t.name, records)
	}
	if err != nil {
		refused := translate(t.name, err)
		if e, ok := errors.AsType[*Error](refused); ok {
			t.count.refused.Add(int64(len(records)))
			if e.Reason == TopicFull {
				b.mu.RLock()
				e.fault.What += b.slowest(t.name)
				b.mu.RUnlock()
			}
		}
		return nil, refused
	}
	fresh := int64(0)
	for _, p := range placed {
		if !p.Duplicate {
			fresh++
		}
	}
	t.reached(placed)
	t.count.published.Add(fresh)
	t.count.duplicates.Add(int64(len(placed)) - fresh)
	b.dirty.set()
	return placed, nil
}

// draft is an event that passed all checks.
type draft struct {
	record engine.Record
	due    time.Time // zero: now
}

func (t *topicState) drafts(publisher string, events []cloudevent.Event, now time.Time) ([]draft, error) {
	if len(events) > MaxEvents {
		return nil, refuse(BatchTooLarge, t.name, "a batch has at most %d events, not %d", MaxEvents, len(events))
	}
	drafts := make([]draft, len(events))
	size := 0
	for i := range events {
		d, err := t.draft(publisher, &events[i], now)
		if err != nil {
			if len(events) > 1 {
				err.Index = i
			}
			return nil, err
		}
		drafts[i] = d
		if size += len(events[i].Data); size > MaxBatchBytes {
			return nil, refuse(BatchTooLarge, t.name, "a batch has at most %d bytes of data", MaxBatchBytes)
		}
	}
	return drafts, nil
}

// draft completes an event and checks it.
func (t *topicState) draft(publisher string, e *cloudevent.Event, now time.Time) (draft, *Error) {
	if _, ok := e.Get(cloudevent.ID); !ok {
		e.Set(cloudevent.ID, newID(now))
	}
	e.Default(cloudevent.Source, "/services/"+publisher)
	e.Default(cloudevent.Type, t.name)
	e.Default(cloudevent.Time, now.UTC().Format(time.RFC3339Nano))
	e.Set(Publisher, publisher)
	if err := e.Check(); err != nil {
		reason := EventInvalid
		if ce, ok := errors.AsType[*cloudevent.Error](err); ok && ce.Kind == cloudevent.EventTooLarge {
			reason = EventTooLarge
		}
		return draft{}, refuse(reason, t.name, "%w", err)
	}
	if t.spec.MaxEvent > 0 && len(e.Data) > t.spec.MaxEvent {
		return draft{}, refuse(EventTooLarge, t.name, "an event of topic %s has at most %d bytes of data, not %d", t.name, t.spec.MaxEvent, len(e.Data)).
			fix("send a reference to the data, or raise `max_event` of the topic")
	}
	due, err := t.due(e, now)
	if err != nil {
		return draft{}, err
	}
	key, _ := e.Get(t.spec.Key)
	if len(key) > maxKey {
		return draft{}, refuse(EventInvalid, t.name, "attribute %q: it is the key of topic %s and has at most %d bytes", t.spec.Key, t.name, maxKey)
	}
	if err := t.validate(e.Data); err != nil {
		return draft{}, err
	}
	return draft{t.record(e, key, now), due}, nil
}

// due returns when an event that wants to be delayed counts; zero: now.
func (t *topicState) due(e *cloudevent.Event, now time.Time) (time.Time, *Error) {
	text, ok := e.Get(DeliverAt)
	if !ok {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	switch {
	case err != nil:
		return at, refuse(EventInvalid, t.name, "attribute %q: %.100q is no time as in 2026-01-31T12:00:00Z (RFC 3339)", DeliverAt, text)
	case at.Sub(now) > MaxDelay:
		return at, refuse(EventInvalid, t.name, "attribute %q: an event can be delayed by %d days at most", DeliverAt, MaxDelay/(24*time.Hour))
	case !at.After(now):
		return time.Time{}, nil
	}
	return at, nil
}

func (t *topicState) record(e *cloudevent.Event, key string, now time.Time) engine.Record {
	r := engine.Record{Key: key, Time: now, Data: e.Data, Dedup: t.spec.Dedup, Attrs: make([]engine.Attr, len(e.Attrs))}
	for i, a := range e.Attrs {
		r.Attrs[i] = engine.Attr(a)
	}
	r.ID = engine.IDOf(attribute(&r, cloudevent.Source), attribute(&r, cloudevent.ID))
	return r
}

// schedule stores those of the drafts that are due later.
func (b *Bus) schedule(ctx context.Context, t *topicState, drafts []draft, which []int, results []Result) error {
	if len(which) == 0 {
		return nil
	}
	if b.delayed.Load()+int64(len(which)) > MaxDelayed {
		return refuse(TopicBusy, t.name, "%d delayed events wait already, and no more than %d may", b.delayed.Load(), MaxDelayed).after(time.Second)
	}
	later := make([]progress.Delayed, len(which))
	for i, n := range which {
		later[i] = progress.Delayed{Due: drafts[n].due, Topic: t.name, Event: t.delayable(drafts[n].record)}
	}
	duplicate, err := b.progress.AddDelayed(ctx, later)
	if err != nil {
		return translateStore(t.name, err)
	}
	crashpoint.Pass(crashpoint.DelayedStored)
	fresh := int64(0)
	for i, n := range which {
		results[n].Duplicate = duplicate[i]
		if !duplicate[i] {
			fresh++
		}
	}
	b.delayed.Add(fresh)
	t.count.delayed.Add(fresh)
	b.wake.set()
	return nil
}

// delayedDedup is the least time for which an event that was delayed is known
// after it was published: a crash right then may publish it again.
const delayedDedup = 24 * time.Hour

// delayable prepares a record for its wait. In a topic without deduplication it
// gets an ID of its own, so that it cannot be taken for another.
func (t *topicState) delayable(r engine.Record) engine.Record {
	if t.spec.Dedup == 0 {
		r.ID = engine.IDOf("delayed", newID(r.Time))
	}
	r.Dedup = min(max(t.spec.Dedup, delayedDedup), t.longest)
	return r
}

// translateStore makes an error of the progress store a refusal.
func translateStore(topic string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return refuse(TopicStopped, topic, "%w", err).after(time.Second)
}
