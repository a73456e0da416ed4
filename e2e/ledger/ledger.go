// Package ledger keeps what the services of a test did, outside of the app, where
// nothing that Banyan does can lose it: publishers note what they sent and what
// was answered, subscribers what they got. Package e2e and its test program use it.
//
// A line is one write to a file that is only appended to. So it outlives the
// process that wrote it, lines of several processes keep the order in which they
// were written, and a line that SIGKILL cut off spoils no other.
package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
)

// Kinds of entries.
const (
	Sent    = "sent"    // a publisher is about to publish N to N+Count-1
	Kept    = "kept"    // it was answered that an event is stored
	Refused = "refused" // it was answered that one never will be
	Stopped = "stopped" // a lane publishes no more
	Got     = "got"     // a subscriber has got an event and is about to answer
)

// Entry is one deed.
type Entry struct {
	Kind string `json:"kind"`
	Lane string `json:"lane"` // the key of an event; each has one publisher
	N    int    `json:"n"`    // its number within the lane

	Count     int    `json:"count,omitempty"`
	Sequence  string `json:"sequence,omitempty"`
	Duplicate bool   `json:"duplicate,omitempty"`
	Why       string `json:"why,omitempty"`

	Status   int    `json:"status,omitempty"` // that is about to be answered; 0: none is
	Attempt  string `json:"attempt,omitempty"`
	Delivery string `json:"delivery,omitempty"`
	Replay   string `json:"replay,omitempty"`
	Saga     string `json:"saga,omitempty"` // the id of one that was started
	Instance string `json:"instance,omitempty"`
}

// Ledger is a file that is written to. It is safe for concurrent use.
type Ledger struct{ file *os.File }

// Open opens a ledger that others may write to as well, or makes it.
func Open(path string) (*Ledger, error) {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666) //nolint:gosec // services have users of their own
	return &Ledger{file}, err
}

// Append adds an entry.
func (l *Ledger) Append(e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	// The first newline ends what a killed process may have left.
	_, err = l.file.Write(append(append([]byte("\n"), line...), '\n'))
	return err
}

// Read returns the entries of a file in their order; none if there is no file.
func Read(path string) ([]Entry, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []Entry
	for line := range bytes.Lines(text) {
		var e Entry
		if json.Unmarshal(line, &e) == nil {
			all = append(all, e)
		}
	}
	return all, nil
}
