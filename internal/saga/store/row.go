package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/sqlite"
)

// columns of saga in the order in which they are summed and scanned, without n and sum.
const columns = `id, name, digest, status, version, due, expires, created, updated, started_by, key, asked, parent, origin, doc`

// values returns a saga's columns.
func (s *Saga) values() []any {
	return []any{
		s.ID, s.Name, s.Digest, s.Status, s.Version, micros(s.Due), micros(s.Expires), micros(s.Created), micros(s.Updated),
		s.By, s.Key, s.Asked, s.Parent, bytes(s.Origin), bytes(s.Doc),
	}
}

// scanSaga reads n, the columns and sum.
func scanSaga(where string, scan func(...any) error) (Saga, error) {
	var s Saga
	var due, expires, created, updated, sum int64
	if err := scan(&s.N, &s.ID, &s.Name, &s.Digest, &s.Status, &s.Version, &due, &expires, &created, &updated,
		&s.By, &s.Key, &s.Asked, &s.Parent, &s.Origin, &s.Doc, &sum); err != nil {
		return Saga{}, err
	}
	s.Due, s.Expires, s.Created, s.Updated = fromMicros(due), fromMicros(expires), fromMicros(created), fromMicros(updated)
	if int64(sqlite.Sum(s.values()...)) != sum {
		return Saga{N: s.N, ID: s.ID, Damage: damaged(where, "saga "+s.ID)}, nil
	}
	return s, nil
}

func scanLine(where, saga string, scan func(...any) error) (Line, error) {
	var l Line
	var n, at, sum int64
	if err := scan(&n, &l.Version, &at, &l.Text, &sum); err != nil {
		return Line{}, err
	}
	l.At = fromMicros(at)
	if int64(sqlite.Sum(n, l.Version, at, l.Text)) != sum {
		return Line{Version: l.Version, Damage: damaged(where, fmt.Sprintf("entry %d in the log of saga %s", l.Version, saga))}, nil
	}
	return l, nil
}

func damaged(where, row string) error {
	return fault.New(fault.Damaged, "%s does not match its checksum", row).At(where).
		Fix("the disk or the file is damaged: the saga is stopped, and a person must look what its services have done")
}

// unreadable wraps an error of a query.
func unreadable(where string, err error) error {
	if _, known := errors.AsType[*fault.Error](err); known {
		return err
	}
	return fault.New(fault.Unavailable, "the sagas' database cannot be read: %w", err).At(where)
}

// bytes returns a value that is not NULL.
func bytes(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}
