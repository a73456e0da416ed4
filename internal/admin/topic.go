package admin

import (
	"context"
	"time"

	"github.com/banyanrun/banyan/internal/cloudevent"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// Events is what the API needs of the app's bus. Its methods are safe for
// concurrent use; their errors are fault.Errors, which for a topic or a
// subscription that is not there name the nearest that is.
type Events interface {
	// Topics says how all topics, their subscriptions and the outboxes are, each sorted by name.
	Topics(ctx context.Context) (Topics, error)
	// Tail calls show for the events of a topic from all, new, a time (RFC 3339) or a
	// sequence on, and with follow until ctx ends; it stops at the first error of show.
	Tail(ctx context.Context, topic, from string, follow bool, show func(StoredEvent) error) error
	// Publish takes the events over and returns when they are durable, with a result for each, in order.
	Publish(ctx context.Context, topic string, events []cloudevent.Event) ([]Published, error)
	// Dead returns dead letters with ids above after, by id, and none if there are no
	// more. Service "" means all.
	Dead(ctx context.Context, topic, service string, after int64) ([]DeadLetter, error)
	// Redrive delivers dead letters once more, and returns when each was tried. Id 0
	// means all, service "" those of all services.
	Redrive(ctx context.Context, topic, service string, id int64) (Report, error)
	// Replay delivers to service what lies between from (all, a time or a sequence)
	// and until (a time, a sequence, or "": the newest event), and returns when all is
	// delivered or a dead letter.
	Replay(ctx context.Context, topic, service, from, until string) (Report, error)
	// Delayed returns events that are published later, with ids above after, by id, and
	// none if there are no more.
	Delayed(ctx context.Context, topic string, after int64) ([]DelayedEvent, error)
	// Drop removes dead letters, or delayed events, and returns how many. Id 0 means all.
	Drop(ctx context.Context, topic, service string, delayed bool, id int64) (int64, error)
	// Damage says what a damaged topic lacks, Skip gives up the first part of that if it
	// has count events, and BeginAnew gives up all that is stored.
	Damage(ctx context.Context, topic string) (Repair, error)
	Skip(ctx context.Context, topic string, count uint64) (Repair, error)
	BeginAnew(ctx context.Context, topic string) (Repair, error)
	// Pause stops a subscription's deliveries, Resume lets them go on. Both are durable.
	Pause(ctx context.Context, topic, service string) error
	Resume(ctx context.Context, topic, service string) error
}

// Topics is how an app's events are.
type Topics struct {
	Since, Taken time.Time // when counting began, and when this was read
	Topics       []Topic
	Outboxes     []Outbox
}

// Topic is how a topic is.
type Topic struct {
	Name                           string
	State                          banyanv1.TopicState
	Reason                         string // why it is not OK
	Events                         uint64 // that are kept
	Bytes                          int64
	Oldest                         time.Time // zero: there is none
	Delayed                        int       // events that wait for their time
	Published, Duplicates, Refused int64     // since Topics.Since
	Subscriptions                  []Subscription
}

// Subscription is how a subscription is.
type Subscription struct {
	Service                 string
	State                   banyanv1.SubscriptionState
	Reason                  string    // why it is not active
	Until                   time.Time // when that passes by itself; zero: it does not
	Lag                     uint64    // events that are not done
	Oldest                  time.Time // of these; zero: there is none
	InFlight, Retrying      int       // of these
	Dead                    int
	Delivered, Failed, Lost int64 // since Topics.Since
}

// Outbox is how a service's outbox is.
type Outbox struct {
	Service          string
	Waiting, Refused int
	Reason           string // why nothing is published now
}

// StoredEvent is an event in its topic.
type StoredEvent struct {
	Sequence string
	Time     time.Time // of its publishing
	Event    cloudevent.Event
}

// Published is what became of an event.
type Published struct {
	ID, Source string
	Sequence   string // empty: not known, or not there yet
	Duplicate  bool
	Scheduled  time.Time // zero: it is published
}

// DeadLetter is an event that a subscription gave up.
type DeadLetter struct {
	ID          int64
	Service     string
	Event       StoredEvent
	Attempts    int
	First, Last time.Time // when the first and the last attempt ended
	Status      int       // of the last answer; 0: none came
	Error       string
	Response    []byte
}

// DelayedEvent is an event that is published later.
type DelayedEvent struct {
	ID    int64
	Due   time.Time
	Event cloudevent.Event
}

// Repair is what a damaged topic lacks, or lacked.
type Repair struct {
	Count        uint64 // events; 0: something else is damaged
	First, Last  string // sequences of them
	Where, Moved string
	Missed       map[string]uint64 // by service, that its subscription did not have
	Left         string            // why the topic is still stopped
}

// Report is what came of a redrive or a replay.
type Report struct {
	Delivered int
	Failed    int // that are dead letters now, or still
	Lost      int // that retention removed before their turn
}
