package main

import (
	"context"
	"database/sql"
	"errors"
)

// groupMost is how many writes share a transaction.
const groupMost = 200

// writer does what many want to write at the same time in one transaction: one sync of the disk serves all of them. That is
// what makes a burst of orders cheap to take.
type writer struct {
	conn  *sql.Conn // of its own, so that it never waits for those who read
	queue chan write
}

type write struct {
	work func(*sql.Tx) error
	done chan error
}

// newWriter starts a writer, which ends with ctx.
func newWriter(ctx context.Context, db *sql.DB) (*writer, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{conn: conn, queue: make(chan write, groupMost)}
	go w.run(ctx)
	return w, nil
}

// do runs work in a transaction, and returns when that is committed. What work fails with is returned, and undone alone. It is
// not to be interrupted, as that would undo what others write: work must not use a context that ends.
func (w *writer) do(work func(*sql.Tx) error) error {
	job := write{work, make(chan error, 1)}
	w.queue <- job
	return <-job.done
}

func (w *writer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			_ = w.conn.Close()
			w.refuse(ctx.Err())
			return
		case first := <-w.queue:
			group := []write{first}
			for len(group) < groupMost && len(w.queue) > 0 {
				group = append(group, <-w.queue)
			}
			w.commit(group)
		}
	}
}

// refuse answers those who come when the writer has ended.
func (w *writer) refuse(err error) {
	for job := range w.queue {
		job.done <- err
	}
}

func (w *writer) commit(group []write) {
	results := make([]error, len(group))
	err := w.all(group, results)
	for n, job := range group {
		job.done <- errors.Join(results[n], err)
	}
}

// all does the group's work and commits it; each result is what that one alone failed with.
func (w *writer) all(group []write, results []error) error {
	ctx := context.Background()
	tx, err := w.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	for n, job := range group {
		if _, err := tx.ExecContext(ctx, `SAVEPOINT one`); err != nil {
			return err
		}
		if results[n] = job.work(tx); results[n] != nil {
			if _, err := tx.ExecContext(ctx, `ROLLBACK TO one`); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `RELEASE one`); err != nil {
			return err
		}
	}
	return tx.Commit()
}
