package engine

import (
	"context"
	"time"
)

// What one Publish may hold.
const (
	MaxRecords = 4096
	MaxBytes   = 8 << 20 // of Data, Key and Attrs together
)

// Abilities are what engines differ in.
type Abilities struct {
	// Dedup is the longest window in which the engine finds duplicates; zero: it does not look for them.
	Dedup time.Duration
	// Replay: Read, Find, and Open from any position. Without it a cursor gives what
	// comes after the group was made known to Ensure, and Read gives nothing.
	Replay bool
	// Open is how many records a cursor gives while none of them is Done; zero: as
	// many as there are.
	Open int
	// Retention: Topic.MaxAge and MaxBytes are kept to.
	Retention bool
	// Gapless: the offsets of events follow each other, and where they do not, events
	// are lost, and a person knows it.
	Gapless bool
	// Refuse: a full topic can refuse events rather than lose its oldest.
	Refuse bool
}

// Topic is how a topic should be.
type Topic struct {
	Name string // [a-z][a-z0-9-]*(\.[a-z0-9-]+)*, at most 100 bytes
	// MaxAge is how long a record is kept at least; zero: for ever.
	MaxAge time.Duration
	// MaxBytes is how much is kept, encoded; zero: no bound of the topic's own.
	MaxBytes int64
	// DropOldest: at MaxBytes the oldest records go, whoever still needs them.
	// Otherwise what was not released stays, and Publish answers ErrFull.
	DropOldest bool
	// MaxEvent is the most bytes of a record's Data.
	MaxEvent int
	// Dedup is the longest window of the topic's records.
	Dedup time.Duration
	// Groups are the subscriptions, for engines that copy events to each.
	Groups []string
	// Begun are those of Groups that had a place in the topic before. What an engine
	// keeps for one of them alone must be there; if it is not, that is damage.
	Begun []string
	// Known are ends of the topic that were seen earlier (Range.End). A topic that
	// ends before them has lost what it acknowledged, which is damage.
	Known []Position
}

// Health of a topic.
type Health int

// The kinds of health.
const (
	OK       Health = iota
	Degraded        // it works, and will not for long unless somebody acts
	Stopped         // it takes no events
)

// String returns "ok", "degraded" or "stopped".
func (h Health) String() string { return [...]string{"ok", "degraded", "stopped"}[h] }

// Range is what a partition keeps. Start is the position before the oldest
// record, End that of the newest; both can be read from. They are equal when
// nothing is kept.
type Range struct{ Start, End Position }

// Stat is the state of a topic.
type Stat struct {
	Partitions []Range // by number; at least one
	Bytes      int64   // what it takes up, about
	// Waiting is, where a topic cannot be replayed, how many records each group was
	// not given yet. Partitions is one that is empty, then.
	Waiting map[string]uint64
	Health  Health
	Why     error // nil when OK
}

// Engine keeps topics. All methods may be called concurrently.
type Engine interface {
	// Can is constant for an engine.
	Can() Abilities
	// Ensure makes topics, or adjusts them; others stay as they are. It removes no
	// record that the topic's settings keep and changes no number of partitions.
	// A damaged topic is no error: Stat tells, and the others work.
	Ensure(ctx context.Context, topics []Topic) error
	// Publish stores records in order and returns when all are as durable as the
	// engine can make them. On an error a prefix may be stored, but for ErrFull and
	// ErrBusy; the caller repeats the call, and equal IDs keep records from being
	// stored twice. Other errors: ErrStopped, ErrDamaged, ErrNoTopic, ErrClosed,
	// fault.Invalid (larger than the topic, MaxRecords or MaxBytes allow), fault.Unavailable.
	Publish(ctx context.Context, topic string, records []Record) ([]Placed, error)
	// Open returns a cursor that reads after the given positions, of which there is
	// at most one a partition; a partition without one is read from its start. A
	// topic and group have at most one open cursor.
	Open(ctx context.Context, topic, group string, from []Position) (Cursor, error)
	// Read returns records after from, at least one if there is one, at most most,
	// and fewer where they are large. It has no group and moves nobody's progress.
	// Errors: ErrGone, ErrDamaged, ErrNoTopic.
	Read(ctx context.Context, topic string, from Position, most int) ([]Stored, error)
	// Find returns for each partition where to read from so that the first record
	// accepted at or after a time comes first, and no earlier record than clocks
	// that went back make unavoidable.
	Find(ctx context.Context, topic string, at time.Time) ([]Position, error)
	// Release says that no group needs what lies at or before the given positions.
	// It may be told late, or again, or less than before.
	Release(ctx context.Context, topic string, low []Position) error
	// Stat is cheap enough to be asked once a second.
	Stat(ctx context.Context, topic string) (Stat, error)
	// Close ends all calls with ErrClosed, after what was being stored is stored.
	Close() error
}

// Cursor reads a topic for a group. Next and Done may be called at the same
// time, each by one goroutine.
type Cursor interface {
	// Next waits until there is a record and returns at least one and at most most, in the
	// partition's order. It returns the context's error when that ends, and ErrGone
	// when retention overtook the cursor. Without Abilities.Replay, what is not
	// Done comes again after an error.
	Next(ctx context.Context, most int) ([]Stored, error)
	// Done says that records need not come again, in any order. The engine may
	// forget it when it crashes.
	Done(ctx context.Context, positions []Position) error
	Close() error
}
