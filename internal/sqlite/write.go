package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/banyanrun/banyan/internal/fault"
)

// batchMost bounds how many writes share a transaction.
const batchMost = 512

// write is one caller's part of a transaction; without do it only waits for those before it.
type write struct {
	do   func(context.Context, *sql.Tx) error
	done func(error)
}

// Write runs do in a transaction, which it shares with the writes of others, in
// the order of the calls, and returns when all is durable. An error of do undoes
// what do did and nothing else, and is returned. Where ctx ends first, whether the
// write is made is not known; the context of do never ends, since a statement that
// is interrupted would take the others' with it. Other errors are fault.Unavailable.
func (db *DB) Write(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	done := make(chan error, 1)
	w := write{do: do, done: func(err error) { done <- err }}
	select {
	case db.writes <- w:
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", db.path, ctx.Err())
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", db.path, ctx.Err())
	}
}

// Queue is Write for who does not wait: done is called with what Write would
// return, from another goroutine, and must not wait for the database.
func (db *DB) Queue(do func(context.Context, *sql.Tx) error, done func(error)) {
	db.writes <- write{do: do, done: done}
}

// Flush returns when all writes queued before it are durable, or ctx ends.
func (db *DB) Flush(ctx context.Context) error { return db.Write(ctx, nil) }

// run commits queued writes, those that wait together in one transaction.
func (db *DB) run() {
	defer close(db.done)
	for w := range db.writes {
		batch := []write{w}
		for len(batch) < batchMost && len(db.writes) > 0 {
			next, ok := <-db.writes
			if !ok {
				break
			}
			batch = append(batch, next)
		}
		own := make([]error, len(batch))
		err := db.commit(batch, own)
		for i, w := range batch {
			if err != nil {
				w.done(err)
			} else {
				w.done(own[i])
			}
		}
	}
}

// commit fills in the errors that are one write's own and returns that of all.
func (db *DB) commit(batch []write, own []error) error {
	if !slices.ContainsFunc(batch, func(w write) bool { return w.do != nil }) {
		return nil
	}
	ctx := context.Background() // a batch belongs to many callers: none of them can cancel it
	tx, err := db.writer.BeginTx(ctx, nil)
	if err != nil {
		return db.failed(err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	if len(batch) == 1 {
		if own[0] = batch[0].do(ctx, tx); own[0] != nil {
			return nil
		}
		return db.end(tx)
	}
	for i, w := range batch {
		if w.do == nil {
			continue
		}
		if _, err := tx.ExecContext(ctx, `SAVEPOINT part`); err != nil {
			return db.failed(err)
		}
		end := `RELEASE part`
		if own[i] = w.do(ctx, tx); own[i] != nil {
			end = `ROLLBACK TO part; RELEASE part`
		}
		if _, err := tx.ExecContext(ctx, end); err != nil {
			return db.failed(errors.Join(own[i], err)) // a full disk, for one, ends the whole transaction
		}
	}
	return db.end(tx)
}

func (db *DB) end(tx *sql.Tx) error {
	if err := tx.Commit(); err != nil {
		return db.failed(err)
	}
	return nil
}

func (db *DB) failed(err error) error {
	return fault.New(fault.Unavailable, "the database cannot be written: %w", err).At(db.path).Fix("check that the disk is not full")
}
