package state

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/banyanrun/banyan/internal/fault"
)

// write is one queued change; with neither key nor kind it only waits for those before it.
type write struct {
	kind, key string
	value     []byte // nil: delete
	done      func(error)
}

// Put stores a document and returns when it is durable.
func (s *Store) Put(ctx context.Context, kind, key string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("state: %s %q: %w", kind, key, err)
	}
	return s.wait(ctx, write{kind: kind, key: key, value: data})
}

// Delete removes a document, if it is there, and returns when that is durable.
func (s *Store) Delete(ctx context.Context, kind, key string) error {
	return s.wait(ctx, write{kind: kind, key: key})
}

// Queue stores a document soon, in order with other writes; a nil value removes
// it. A failure is told to failed, from another goroutine, which must not wait
// for the store.
func (s *Store) Queue(kind, key string, value any, failed func(error)) {
	var data []byte
	if value != nil {
		var err error
		if data, err = json.Marshal(value); err != nil {
			failed(fmt.Errorf("state: %s %q: %w", kind, key, err))
			return
		}
	}
	s.writes <- write{kind: kind, key: key, value: data, done: func(err error) {
		if err != nil {
			failed(err)
		}
	}}
}

// Flush returns when all writes queued before it are durable.
func (s *Store) Flush(ctx context.Context) error { return s.wait(ctx, write{}) }

func (s *Store) wait(ctx context.Context, w write) error {
	done := make(chan error, 1)
	w.done = func(err error) { done <- err }
	select {
	case s.writes <- w:
	case <-ctx.Done():
		return fmt.Errorf("state: %w", ctx.Err())
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("state: %w", ctx.Err())
	}
}

// batchMost bounds how many writes share a transaction.
const batchMost = 512

// write commits queued writes, those that wait together in one transaction.
func (s *Store) write() {
	defer close(s.done)
	for w := range s.writes {
		batch := []write{w}
		for len(batch) < batchMost && len(s.writes) > 0 {
			next, ok := <-s.writes
			if !ok {
				break
			}
			batch = append(batch, next)
		}
		err := s.commit(batch)
		for _, w := range batch {
			w.done(err)
		}
	}
}

func (s *Store) commit(batch []write) error {
	if !slices.ContainsFunc(batch, func(w write) bool { return w.kind != "" }) {
		return nil
	}
	ctx := context.Background() // a batch belongs to many callers: none of them can cancel it
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return storeError(err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	for _, w := range batch {
		switch {
		case w.kind == "":
		case w.value == nil:
			_, err = tx.ExecContext(ctx, `DELETE FROM documents WHERE kind = ? AND key = ?`, w.kind, w.key)
		default:
			_, err = tx.ExecContext(ctx, `INSERT INTO documents (kind, key, value, sum) VALUES (?, ?, ?, ?)
				ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, sum = excluded.sum`,
				w.kind, w.key, w.value, checksum(w.kind, w.key, w.value))
		}
		if err != nil {
			return storeError(err)
		}
	}
	if err := tx.Commit(); err != nil {
		return storeError(err)
	}
	return nil
}

func storeError(err error) error {
	return fault.New(fault.Unavailable, "the state cannot be written: %w", err).Fix("check that the disk is not full")
}
