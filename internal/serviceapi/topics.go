package serviceapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/cloudevent"
)

// Bounds of a request. A topic's own max_event is at most maxEvent. The bus bounds
// each event's delay too; here it is said of the header.
const (
	maxEvents = 1000
	maxBody   = 8 << 20
	maxEvent  = 1 << 20
	maxDays   = 30 // of a delay
)

// Fields by which a request says when all its events count that do not say so themselves.
const (
	deliverAtHeader = "Banyan-Deliver-At" // a time (RFC 3339)
	delayHeader     = "Banyan-Delay"      // a duration as in the app file: 90s
)

// deliverAt is the attribute of events that says so.
const deliverAt = "deliverat"

// Publisher takes events.
type Publisher interface {
	// Publish stores events under a topic and returns when they are durable, with one
	// result for each, in order. publisher is the service that asks. Events may lack
	// id, source, type and time, which are filled in; they and their memory are
	// Publish's from then on. Errors that are a *Problem are answered as they say.
	Publish(ctx context.Context, publisher, topic string, events []cloudevent.Event) ([]Result, error)
}

// Result is what became of one event.
type Result struct {
	ID, Source string
	// Sequence is its place in the topic; empty where it is not known, or not there yet.
	Sequence string
	// Duplicate: the same source and id were published before, and count.
	Duplicate bool
	// Scheduled is when the event will be published; zero: it is.
	Scheduled time.Time
}

// published is the answer to a publish.
type published struct {
	Events []publishedEvent `json:"events"`
}

type publishedEvent struct {
	ID        string    `json:"id"`
	Source    string    `json:"source"`
	Topic     string    `json:"topic"`
	Sequence  string    `json:"sequence,omitempty"`
	Scheduled time.Time `json:"scheduled,omitzero"`
	Duplicate bool      `json:"duplicate"`
}

// publish answers POST /v1/topics/{topic}: 201, or 200 if no event is new.
func (h *handler) publish(w http.ResponseWriter, r *http.Request, caller string) error {
	topic := r.PathValue("topic")
	results, err := h.publishTo(topic, r, caller)
	if err != nil {
		return ofTopic(topic, err)
	}
	status := http.StatusOK
	body := published{Events: make([]publishedEvent, len(results))}
	for i, result := range results {
		body.Events[i] = publishedEvent{
			ID: result.ID, Source: result.Source, Topic: topic, Sequence: result.Sequence,
			Scheduled: result.Scheduled, Duplicate: result.Duplicate,
		}
		if !result.Duplicate {
			status = http.StatusCreated
		}
	}
	send(w, "application/json", status, body)
	return nil
}

// ofTopic is err as a problem of the topic.
func ofTopic(topic string, err error) error {
	p := *problemOf(err)
	p.Topic = topic
	if p.Code == Internal {
		return err
	}
	return &p
}

func (h *handler) publishTo(topic string, r *http.Request, caller string) ([]Result, error) {
	at, err := due(r.Header, time.Now())
	if err != nil {
		return nil, err
	}
	if h.Publisher == nil {
		return nil, noPublisher()
	}
	events, _, err := cloudevent.Read(r, cloudevent.Limits{Body: maxBody, Events: maxEvents, Data: maxEvent})
	if err != nil {
		if _, ok := errors.AsType[*cloudevent.Error](err); !ok {
			err = &Problem{Code: BodyBroken, Detail: err.Error()}
		}
		return nil, err
	}
	return h.store(r.Context(), caller, topic, events, at, r.Header)
}

// traceParent is both the attribute of events and the field of requests by which they
// belong to a trace; see CloudEvents' extension for distributed tracing.
const (
	traceParent = "traceparent"
	traceLen    = 55
)

// store publishes events; at is when those count that do not say it themselves,
// empty: at once. Events that say nothing of a trace are of their request's.
func (h *handler) store(ctx context.Context, caller, topic string, events []cloudevent.Event, at string, header http.Header) ([]Result, error) {
	if h.Publisher == nil {
		return nil, noPublisher()
	}
	if at != "" {
		for i := range events {
			events[i].Default(deliverAt, at)
		}
	}
	if trace := header.Get(traceParent); len(trace) == traceLen { // the data plane has made or checked it
		for i := range events {
			events[i].Default(traceParent, trace)
		}
	}
	return h.Publisher.Publish(ctx, caller, topic, events)
}

func noPublisher() error {
	return &Problem{Code: PublisherAbsent, Detail: "this daemon takes no events yet", RetryAfter: time.Second}
}

// due returns the time (RFC 3339) from which a request's events count; empty: at once.
func due(h http.Header, now time.Time) (string, error) {
	at, delay := h.Get(deliverAtHeader), h.Get(delayHeader)
	switch {
	case at != "" && delay != "":
		return "", badDelay("the headers " + deliverAtHeader + " and " + delayHeader + " exclude each other; send one")
	case at != "":
		t, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return "", badDelay(fmt.Sprintf("the header %s: %.100q is no time; write 2026-01-31T12:00:00Z, for example", deliverAtHeader, at))
		}
		return at, tooLate("the header "+deliverAtHeader, t.Sub(now))
	case delay != "":
		d, err := appfile.ParseDuration(delay)
		if err != nil {
			return "", badDelay(fmt.Sprintf("the header %s: %v", delayHeader, err))
		}
		return now.Add(time.Duration(d)).UTC().Format(time.RFC3339Nano), tooLate("the header "+delayHeader, time.Duration(d))
	}
	return "", nil
}

// tooLate refuses a delay that is longer than any may be.
func tooLate(where string, d time.Duration) error {
	if d <= maxDays*24*time.Hour {
		return nil
	}
	return badDelay(fmt.Sprintf("%s: an event can be delayed by %d days at most", where, maxDays))
}

func badDelay(detail string) error { return &Problem{Code: EventInvalid, Detail: detail} }
