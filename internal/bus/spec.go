package bus

import "time"

// Platform is the publisher that may publish to every topic: the bus itself, and
// a person by way of the control API.
const Platform = "banyan"

// Bounds of a publish.
const (
	MaxEvents     = 1000                // in one call
	MaxBatchBytes = 8 << 20             // data of all events in one call
	MaxDelay      = 30 * 24 * time.Hour // of an event
	MaxDelayed    = 1_000_000           // events that wait, in all topics
	maxKey        = 1 << 10             // bytes, as engine.Record has it
)

// Spec is all topics and subscriptions of an app, complete and valid.
type Spec struct {
	// MaxBytes bounds what all topics together take up; zero: no bound.
	MaxBytes      int64
	Topics        map[string]Topic
	Subscriptions []Subscription // at most one a topic and service
	// Publishes has the topics that each service may publish to.
	Publishes map[string][]string
}

// Topic is how a topic should be. Fields that are zero are no bounds.
type Topic struct {
	Key string // the attribute among whose equal values order holds; empty: none
	// Schema is the text of a JSON Schema for the events' data. Nil: none.
	Schema []byte
	// AnyChange: a new schema need not accept what the one in force accepts.
	AnyChange  bool
	Dedup      time.Duration
	MaxAge     time.Duration
	MaxBytes   int64
	DropOldest bool
	MaxEvent   int // bytes of an event's data
}

// Subscription posts a topic's events to a service.
type Subscription struct {
	Topic, Service string
	Path           string // begins with a slash
	// From is new, all, or a time in RFC 3339: where a subscription begins that is new.
	From        string
	Concurrency int           // deliveries in flight, at least 1
	Timeout     time.Duration // of one delivery
	MaxAttempts int           // 0: for ever
	// First and Most bound the wait between attempts, which doubles from one to the other.
	First, Most time.Duration
	Structured  bool   // one JSON document rather than headers and a body
	DeadLetter  string // a topic on which dead letters are published too; empty: none
	// Revision stands for what the service is now. A subscription that the service
	// ended (410) begins again when it changes.
	Revision string
}
