package store

import (
	"context"
	"errors"
	"time"
)

// What callers tell apart by errors.Is.
var (
	// ErrFenced: another coordinator has taken the store, or nobody has yet. Nothing was written.
	ErrFenced = errors.New("another coordinator has the sagas")
	// ErrVersion: the saga was changed since it was read, or is gone. Nothing was written.
	ErrVersion = errors.New("the saga has changed meanwhile")
	// ErrNotFound: there is no such row.
	ErrNotFound = errors.New("there is no such saga")
	// ErrTooLarge: a document or a log is larger than DocMost.
	ErrTooLarge = errors.New("the saga's state is too large")
	// ErrFull: the disk has no room. It is a fault.Unavailable, too. Nothing was written.
	ErrFull = errors.New("its disk is full")
)

// DocMost is the most bytes of a document, or of what one change logs.
const DocMost = 32 << 20

// Saga is a saga as it is kept. Times are kept in microseconds; zero ones are none.
type Saga struct {
	N       int64 // rises with each saga that is made; set by Create
	ID      string
	Name    string
	Digest  string // of its definition
	Status  string
	Version int64 // 1 when it is made, and one more with each change
	// Due is when something must be done though nothing happens.
	Due time.Time
	// Expires is set when it has ended: it may be purged then.
	Expires          time.Time
	Created, Updated time.Time
	// By started it, with Key, which is By's own for one saga. Empty: no key.
	By, Key string
	// Asked is a digest of what By asked for.
	Asked string
	// Parent is the saga that it is a step of. Empty: none.
	Parent string
	// Origin is what is known of how it was made. It never changes.
	Origin []byte
	Doc    []byte
	// Damage is not nil where the row does not match its checksum: then N and ID
	// are what could be read, and nothing else is set.
	Damage error
}

// Wait says that a saga waits for events of a topic.
type Wait struct {
	Topic string
	// Value that the event must have, where the topic's reader can tell. Empty: any.
	Value string
	Step  string
}

// Waiting is a wait with who waits.
type Waiting struct {
	Wait
	N  int64
	ID string
}

// Change is what one transition of a saga writes.
type Change struct {
	// Saga as it is from now on. Its Version is one more than what is stored.
	Saga Saga
	// Log is added to its log under its Version. Empty: nothing is.
	Log []byte
	// Waits replace those that it had. Nil: they stay.
	Waits []Wait
}

// Line is what one change logged.
type Line struct {
	Version int64
	At      time.Time
	Text    []byte
	// Damage is not nil where the row does not match its checksum; Text is nil then.
	Damage error
}

// Timer is when something is due for a saga.
type Timer struct {
	N   int64
	ID  string
	Due time.Time
}

// Filter of a list. The newest saga comes first.
type Filter struct {
	// Names are whose sagas are listed. Empty: all.
	Names []string
	// Statuses that are listed. Empty: all.
	Statuses []string
	Parent   string // empty: all
	// Before lists sagas that were made before the one with this N. Zero: all.
	Before int64
	Most   int
}

// Definition is the text of a definition that sagas were started with.
type Definition struct {
	Digest, Name string
	Text         []byte
}

// Store keeps sagas. Its methods are safe for concurrent use. Errors that are not
// named are fault.Unavailable and fault.Damaged.
type Store interface {
	// Acquire waits until the store is this one's to write, and takes it. In SQLite
	// it does not wait: that one process has the file is somebody else's to see to.
	Acquire(ctx context.Context) error
	// Hold keeps what Acquire took until ctx ends or another has it (ErrFenced).
	Hold(ctx context.Context) error

	// Define keeps a definition, for ever; one that is there already stays.
	Define(ctx context.Context, d Definition) error
	// Definition returns the one with the digest, or ErrNotFound.
	Definition(ctx context.Context, digest string) (Definition, error)

	// Create makes the change's saga, of Version 1. Where there is one with its ID,
	// or with its By and Key, nothing is written: that one is returned, and false.
	Create(ctx context.Context, c Change) (Saga, bool, error)
	// Update makes a change. ErrVersion: the saga is not of the version before.
	Update(ctx context.Context, c Change) error
	// Purge deletes sagas that expire by a time, at most most of them, the oldest
	// first, and returns how many it deleted.
	Purge(ctx context.Context, by time.Time, most int) (int, error)

	// Load returns a saga, or ErrNotFound.
	Load(ctx context.Context, id string) (Saga, error)
	// List returns sagas without Doc, the newest first.
	List(ctx context.Context, f Filter) ([]Saga, error)
	// Page returns those of the statuses with N above after and at most until, by N.
	Page(ctx context.Context, statuses []string, after, until int64, most int) ([]Saga, error)
	// Last returns the highest N, zero where there is no saga.
	Last(ctx context.Context) (int64, error)
	// Due returns what is due at or after from and before a time, by that.
	Due(ctx context.Context, from, before time.Time, most int) ([]Timer, error)
	// Log returns a saga's log behind a version.
	Log(ctx context.Context, n, after int64, most int) ([]Line, error)
	// Topics returns the topics that are waited for.
	Topics(ctx context.Context) ([]string, error)
	// Waiting returns who waits for a topic with one of the values, with N above after, by N.
	Waiting(ctx context.Context, topic string, values []string, after int64, most int) ([]Waiting, error)
	// Count returns how many sagas there are of each status.
	Count(ctx context.Context) (map[string]int, error)
	// Check looks through all that is kept, which may take minutes, and returns a
	// fault.Damaged if it does not fit together.
	Check(ctx context.Context) error
	// Close writes what is queued. No method may be called after it.
	Close() error
}
