package engine

import (
	"crypto/sha256"
	"time"
)

// ID is what deduplication compares: two events are one when their source and
// their id are equal.
type ID [16]byte

// IDOf returns the first 128 bits of the SHA-256 of source, a zero byte, and id.
func IDOf(source, id string) ID {
	text := make([]byte, 0, 256)
	text = append(text, source...)
	text = append(text, 0)
	text = append(text, id...)
	sum := sha256.Sum256(text)
	return ID(sum[:])
}

// Attr is a CloudEvents context attribute in its canonical string form.
type Attr struct{ Name, Value string }

// Record is an event as an engine keeps it. An engine gives back what it was
// given, byte for byte, except that Time is cut to whole microseconds or better
// and empty Data may come back nil.
type Record struct {
	ID ID
	// Key is what order holds among; records without one have none. At most 1 KiB.
	Key string
	// Time of acceptance. It may go back, as clocks do.
	Time time.Time
	// Attrs in the order in which they came; the payload is not among them. At most 64 KiB in all.
	Attrs []Attr
	// Data is the payload. An engine neither changes nor keeps it after Publish returned.
	Data []byte
	// Dedup is how long after Time another record with the same ID is a
	// duplicate; zero: this record is neither compared nor remembered.
	Dedup time.Duration
}

// Position is the place of a record in a topic. Order is total within a partition only.
//
// As a place to read from, it means: what comes after it. The zero Offset is
// before everything, so reading from it begins with the oldest record that is
// kept. Offsets rise by one from record to record where the engine has a say in it.
type Position struct {
	Partition int32  `json:"partition,omitempty"`
	Offset    uint64 `json:"offset"`
}

// Before returns the position to read from so that p comes first.
func (p Position) Before() Position {
	p.Offset--
	return p
}

// Placed says where a record of a Publish is.
type Placed struct {
	Position
	// Duplicate: an equal ID was there; Position is that one's, or zero where
	// the engine cannot tell.
	Duplicate bool
}

// Stored is a record that was read. Its memory is the reader's.
type Stored struct {
	Position
	Record
}
