package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/banyanrun/banyan/internal/fault"
)

// Put stores a document and returns when it is durable.
func (s *Store) Put(ctx context.Context, kind, key string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("state: %s %q: %w", kind, key, err)
	}
	return s.db.Write(ctx, put(kind, key, data))
}

// Delete removes a document, if it is there, and returns when that is durable.
func (s *Store) Delete(ctx context.Context, kind, key string) error {
	return s.db.Write(ctx, remove(kind, key))
}

// Queue stores a document soon, in order with other writes; a nil value removes
// it. A failure is told to failed, from another goroutine, which must not wait
// for the store.
func (s *Store) Queue(kind, key string, value any, failed func(error)) {
	do := remove(kind, key)
	if value != nil {
		data, err := json.Marshal(value)
		if err != nil {
			failed(fmt.Errorf("state: %s %q: %w", kind, key, err))
			return
		}
		do = put(kind, key, data)
	}
	s.db.Queue(do, func(err error) {
		if err != nil {
			failed(err)
		}
	})
}

// Flush returns when all writes queued before it are durable.
func (s *Store) Flush(ctx context.Context) error { return s.db.Flush(ctx) }

func put(kind, key string, data []byte) func(context.Context, *sql.Tx) error {
	return statement(`INSERT INTO documents (kind, key, value, sum) VALUES (?, ?, ?, ?)
		ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, sum = excluded.sum`, kind, key, data, checksum(kind, key, data))
}

func remove(kind, key string) func(context.Context, *sql.Tx) error {
	return statement(`DELETE FROM documents WHERE kind = ? AND key = ?`, kind, key)
}

func statement(query string, args ...any) func(context.Context, *sql.Tx) error {
	return func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, query, args...); err != nil {
			return fault.New(fault.Unavailable, "the state cannot be written: %w", err).Fix("check that the disk is not full")
		}
		return nil
	}
}
