package progress

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is the open database.
type Store struct{ db *sqlite.DB }

// Open opens the database in the file at path, made if it is missing.
func Open(ctx context.Context, path string) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	db, err := sqlite.Open(ctx, path, files)
	if err != nil {
		return nil, err
	}
	return &Store{db}, nil
}

// Close writes what is queued and closes the file. No method may be called after it.
func (s *Store) Close() error { return s.db.Close() }

// each runs a query and calls row for each row of its result.
func (s *Store) each(ctx context.Context, row func(scan func(...any) error) error, query string, args ...any) error {
	rows, err := s.db.Reader().QueryContext(ctx, query, args...)
	if err != nil {
		return s.unreadable(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return s.unreadable(err)
	}
	return nil
}

func (s *Store) unreadable(err error) error {
	return fault.New(fault.Unavailable, "the database cannot be read: %w", err).At(s.db.Path())
}

// exec is for statements whose result nobody needs.
func exec(ctx context.Context, tx *sql.Tx, query string, args ...any) error {
	_, err := tx.ExecContext(ctx, query, args...)
	return err
}

// micros is how times are stored.
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

// head is a record but for its Data.
type head struct {
	ID    []byte        `json:"id"`
	Key   string        `json:"key,omitempty"`
	Time  int64         `json:"time"`
	Attrs [][2]string   `json:"attrs"` // name and value
	Dedup time.Duration `json:"dedup,omitempty"`
}

// columns returns a record as it is stored: what comes before its data, and that.
func columns(r engine.Record) (text string, data []byte, err error) {
	h := head{r.ID[:], r.Key, micros(r.Time), make([][2]string, len(r.Attrs)), r.Dedup}
	for i, a := range r.Attrs {
		h.Attrs[i] = [2]string{a.Name, a.Value}
	}
	b, err := json.Marshal(h)
	if err != nil {
		return "", nil, fmt.Errorf("bus: %w", err)
	}
	if r.Data == nil {
		return string(b), []byte{}, nil
	}
	return string(b), r.Data, nil
}

func record(text string, data []byte) (engine.Record, error) {
	var h head
	if err := json.Unmarshal([]byte(text), &h); err != nil || len(h.ID) != len(engine.ID{}) {
		return engine.Record{}, fault.New(fault.Damaged, "a stored event cannot be read: %v", err)
	}
	r := engine.Record{ID: engine.ID(h.ID), Key: h.Key, Time: fromMicros(h.Time), Data: data, Dedup: h.Dedup, Attrs: make([]engine.Attr, len(h.Attrs))}
	for i, a := range h.Attrs {
		r.Attrs[i] = engine.Attr{Name: a[0], Value: a[1]}
	}
	return r, nil
}
