package appfile

// Bus says what keeps the app's events.
type Bus struct {
	// Engine is embedded (Banyan keeps them itself, in the state directory, and
	// needs no server), nats, kafka or rabbitmq. Default: embedded.
	Engine string `yaml:"engine,omitempty" json:"engine,omitempty"`
	// URL is the address of the server, with more of them behind commas. It may
	// use ${secret.NAME}, and a password in it must. Not with embedded.
	URL string `yaml:"url,omitempty" json:"url,omitempty"`
	// MaxBytes bounds what all topics together take up on disk; publishing is
	// refused above it. At least 16Mi. Default: 10Gi. With embedded only.
	MaxBytes Bytes `yaml:"max_bytes,omitempty" json:"max_bytes,omitempty"`
	// Accept names what is known of the server and accepted: server-memory (nats:
	// it keeps every id of a dedup_window above 1h in memory) and one-copy (kafka:
	// topics with a single replica). Default: none.
	Accept []string `yaml:"accept,omitempty" json:"accept,omitempty"`
}

// Topic is a named stream of events, in CloudEvents' form.
type Topic struct {
	// Key is the CloudEvents attribute among whose equal values events are
	// delivered in the order of publishing. Empty: no order. Default: subject.
	Key *string `yaml:"key,omitempty" json:"key,omitempty"`
	// Schema is a file, relative to the app file, with the JSON Schema (2020-12)
	// that the events' data must satisfy. Empty: any data.
	Schema string `yaml:"schema,omitempty" json:"schema,omitempty"`
	// Compatibility is backward (a new schema must accept all that the one in
	// force accepts) or none. Default: backward.
	Compatibility string `yaml:"compatibility,omitempty" json:"compatibility,omitempty"`
	// DedupWindow is how long an event with the same source and id is taken for
	// the same event and stored once. Range 0s–7d; 0s: never. Default: 24h.
	DedupWindow *Duration `yaml:"dedup_window,omitempty" json:"dedup_window,omitempty"`
	// Retention says what is kept and for how long.
	Retention *Retention `yaml:"retention,omitempty" json:"retention,omitempty"`
	// MaxEvent bounds the data of one event. Range 1–1Mi. Default: 256Ki.
	MaxEvent Bytes `yaml:"max_event,omitempty" json:"max_event,omitempty"`
}

// Retention says how much of a topic is kept.
type Retention struct {
	// Time is how long an event is kept that every subscription is done with.
	// Above 0s. Default: 7d.
	Time Duration `yaml:"time,omitempty" json:"time,omitempty"`
	// Size bounds the topic on disk. At least 1Mi. Default: 1Gi.
	Size Bytes `yaml:"size,omitempty" json:"size,omitempty"`
	// Full is what happens at Size: refuse (what a subscription still needs stays,
	// and publishing is refused) or drop_oldest (the oldest events go, needed or
	// not). Default: refuse.
	Full string `yaml:"full,omitempty" json:"full,omitempty"`
}

// Subscription delivers a topic's events to a service by POST; in the file a
// path, or a mapping. All instances of the service share it.
type Subscription struct {
	// Path receives the events.
	Path string `yaml:"path" json:"path"`
	// From is where a subscription begins that is new: new (with what is published
	// from then on), all (with the oldest event that is kept), or a time in RFC
	// 3339. Default: new.
	From string `yaml:"from,omitempty" json:"from,omitempty"`
	// Concurrency is how many deliveries may be in flight to all instances
	// together. Range 1–1000. Default: 16.
	Concurrency int `yaml:"concurrency,omitempty" json:"concurrency,omitempty"`
	// Timeout bounds one delivery. Above 0s, at most 1h. Default: 30s.
	Timeout Duration `yaml:"timeout,omitempty" json:"timeout,omitempty"`
	// MaxAttempts is how often an event is delivered before it becomes a dead
	// letter. Range 0–1000000; 0: for ever. Default: 16.
	MaxAttempts *int `yaml:"max_attempts,omitempty" json:"max_attempts,omitempty"`
	// Backoff is the wait between two attempts.
	Backoff *Backoff `yaml:"backoff,omitempty" json:"backoff,omitempty"`
	// Content is the CloudEvents mode of deliveries: binary (attributes as
	// headers, data as the body) or structured (all in one JSON body). Default: binary.
	Content string `yaml:"content,omitempty" json:"content,omitempty"`
	// DeadLetter is a topic on which dead letters are published too. Empty: none.
	DeadLetter string `yaml:"dead_letter,omitempty" json:"dead_letter,omitempty"`
}

// Backoff doubles a wait from attempt to attempt; the actual one is drawn
// evenly between zero and it.
type Backoff struct {
	// First is the wait after the first attempt. Above 0s, at most Most. Default: 200ms.
	First Duration `yaml:"first,omitempty" json:"first,omitempty"`
	// Most is the longest wait. Default: 5m, or First where that is longer.
	Most Duration `yaml:"most,omitempty" json:"most,omitempty"`
}
