package remote

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/fault"
)

// Label writes what of a record has no place of its own in a message: its ID in
// hexadecimal, the time of acceptance in nanoseconds since 1970, and the window in
// nanoseconds.
func Label(r engine.Record) string {
	return fmt.Sprintf("%x %d %d", r.ID[:], r.Time.UnixNano(), r.Dedup.Nanoseconds())
}

// ReadLabel reads what Label wrote at the beginning of a text, and returns what
// follows it and a space.
func ReadLabel(text string) (r engine.Record, rest string, ok bool) {
	fields := strings.SplitN(text, " ", 4)
	if len(fields) < 3 || len(fields[0]) != 2*len(r.ID) {
		return r, "", false
	}
	if _, err := hex.Decode(r.ID[:], []byte(fields[0])); err != nil {
		return r, "", false
	}
	at, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return r, "", false
	}
	window, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return r, "", false
	}
	r.Time, r.Dedup = time.Unix(0, at).UTC(), time.Duration(window)
	return r, strings.Join(fields[3:], ""), true
}

// Check refuses what one Publish may not hold, as fault.Invalid.
func Check(topic engine.Topic, records []engine.Record) error {
	if len(records) > engine.MaxRecords {
		return fault.New(fault.Invalid, "%d events are too many to be stored at once", len(records))
	}
	total := 0
	for _, r := range records {
		if topic.MaxEvent > 0 && len(r.Data) > topic.MaxEvent {
			return fault.New(fault.Invalid, "an event of %d bytes is larger than topic %s takes: %d", len(r.Data), topic.Name, topic.MaxEvent)
		}
		total += Size(r)
	}
	if total > engine.MaxBytes {
		return fault.New(fault.Invalid, "%d bytes are too many to be stored at once", total)
	}
	return nil
}

// Size is the bytes of a record's Data, Key and Attrs.
func Size(r engine.Record) int {
	n := len(r.Data) + len(r.Key)
	for _, a := range r.Attrs {
		n += len(a.Name) + len(a.Value)
	}
	return n
}

// From returns where to read from so that what follows a position comes first, and
// whether anything is there. Errors: engine.ErrGone.
func From(where string, have engine.Range, at engine.Position) (engine.Position, bool, error) {
	if at.Offset == 0 {
		at = have.Start
	}
	if at.Offset < have.Start.Offset {
		return at, false, Gone(where, have.Start.Offset)
	}
	return at, at.Offset < have.End.Offset, nil
}

// Gone says that what was to be read lies before the start of what is kept.
func Gone(where string, start uint64) error {
	return fault.New(fault.NotFound, "topic %s is kept from %d on: %w", where, start+1, engine.ErrGone)
}

// Damaged wraps engine.ErrDamaged.
func Damaged(where, fix, format string, args ...any) error {
	return wrap(fault.Damaged, where, fix, engine.ErrDamaged, fmt.Errorf(format, args...))
}

// Full wraps engine.ErrFull.
func Full(where, fix string, cause error) error {
	return wrap(fault.Unavailable, where, fix, engine.ErrFull, cause)
}

func wrap(code fault.Code, where, fix string, kind, cause error) error {
	err := fmt.Errorf("%w: %w", kind, cause)
	return (&fault.Error{Code: code, What: err.Error(), Where: where, Err: err}).Fix("%s", fix)
}

// Busy wraps engine.ErrBusy.
func Busy(where string) error {
	return fault.New(fault.Unavailable, "%w", engine.ErrBusy).At(where).Fix("try again in a second")
}
