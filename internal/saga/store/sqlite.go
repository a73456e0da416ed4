package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/sqlite"
)

//go:embed migrations
var migrations embed.FS

// file is a store in SQLite.
type file struct {
	reader
	*group
	db       *sqlite.DB
	prepared map[string]*sql.Stmt // of statements
	fence    atomic.Int64         // zero: not acquired
}

var _ Store = (*file)(nil)

// Open opens the store in the file at path, made if it is missing. Errors are
// fault.Damaged and fault.Denied.
func Open(ctx context.Context, path string) (Store, error) {
	files, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return nil, err
	}
	db, err := sqlite.OpenLarge(ctx, path, files)
	if err != nil {
		return nil, err
	}
	f := &file{reader: reader{db.Reader(), path, "?"}, db: db, prepared: map[string]*sql.Stmt{}}
	for _, query := range statements {
		if f.prepared[query], err = db.Prepare(ctx, query); err != nil { //nolint:sqlclosecheck // with the file
			return nil, errors.Join(err, db.Close())
		}
	}
	f.group = newGroup(f.commit)
	return f, nil
}

// Acquire takes the store: a higher fence ends the right of who had it.
func (f *file) Acquire(ctx context.Context) error {
	var fence int64
	err := f.db.Write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `UPDATE lease SET fence = fence + 1 RETURNING fence`).Scan(&fence)
	})
	if err == nil {
		f.fence.Store(fence)
	}
	return err
}

// Hold looks now and then whether the fence is still the same. That writes are
// refused does not hang on it.
func (f *file) Hold(ctx context.Context) error {
	tick := time.NewTicker(renewEach)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		var fence int64
		if err := f.reader.db.QueryRowContext(ctx, fenceOf).Scan(&fence); err == nil && fence != f.fence.Load() {
			return ErrFenced
		}
	}
}

// Check reads the whole file.
func (f *file) Check(ctx context.Context) error { return f.db.Look(ctx) }

func (f *file) Close() error {
	f.group.close()
	return f.db.Close()
}

func (f *file) Define(ctx context.Context, d Definition) error {
	return f.failed(f.db.Write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := f.fenced(ctx, tx); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO definition VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			d.Digest, d.Name, bytes(d.Text), sqlite.Sum(d.Digest, d.Name, d.Text))
		return err
	}))
}

func (f *file) fenced(ctx context.Context, tx *sql.Tx) error {
	var fence int64
	if err := tx.StmtContext(ctx, f.prepared[fenceOf]).QueryRowContext(ctx).Scan(&fence); err != nil { //nolint:sqlclosecheck // with the transaction
		return err
	}
	if fence == 0 || fence != f.fence.Load() {
		return ErrFenced
	}
	return nil
}

// Create makes a saga.
func (f *file) Create(ctx context.Context, c Change) (Saga, bool, error) {
	w := &write{create: &c}
	if err := f.do(ctx, w); err != nil {
		return Saga{}, false, err
	}
	return w.saga, w.made, w.saga.Damage
}

// Update makes a change.
func (f *file) Update(ctx context.Context, c Change) error {
	return f.do(ctx, &write{update: &c})
}

func (f *file) commit(ctx context.Context, writes []*write) error {
	return f.failed(f.db.Write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, w := range writes {
			w.err = nil
		}
		if err := f.fenced(ctx, tx); err != nil {
			return err
		}
		b := batch{f, tx}
		for _, w := range writes {
			do := b.update
			if w.create != nil {
				do = b.create
			}
			if err := do(ctx, w); err != nil {
				return err
			}
		}
		return nil
	}))
}

// failed wraps an error of a statement.
func (f *file) failed(err error) error {
	if sqlite.Full(err) {
		return noRoom(f.where)
	}
	if _, known := errors.AsType[*fault.Error](err); err == nil || known || errors.Is(err, ErrFenced) {
		return err
	}
	return fault.New(fault.Unavailable, "the sagas' database cannot be written: %w", err).At(f.where).Fix("check that the disk is not full")
}

// noRoom is the error of a write for which the disk has no room.
func noRoom(where string) error {
	return fault.New(fault.Unavailable, "the sagas' database cannot be written: %w", ErrFull).At(where).
		Fix("make room on it; what is under way goes on by itself then")
}

// statements of batches, prepared when the file is opened.
var statements = []string{fenceOf, insertSaga, updateSaga, insertLine, deleteWaits, insertWait}

const (
	fenceOf     = `SELECT fence FROM lease`
	insertSaga  = `INSERT INTO saga (` + columns + `, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
	updateSaga  = `UPDATE saga SET status = ?, version = ?, due = ?, expires = ?, updated = ?, sum = ?, doc = ? WHERE n = ? AND version = ?`
	insertLine  = `INSERT INTO saga_log VALUES (?, ?, ?, ?, ?)`
	deleteWaits = `DELETE FROM waiting WHERE saga = ?`
	insertWait  = `INSERT INTO waiting VALUES (?, ?, ?, ?, ?, ?)`
)

// batch is one transaction.
type batch struct {
	*file
	tx *sql.Tx
}

func (b *batch) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return b.tx.StmtContext(ctx, b.prepared[query]).ExecContext(ctx, args...) //nolint:sqlclosecheck // with the transaction
}

func (b *batch) create(ctx context.Context, w *write) error {
	c := w.create
	values := c.Saga.values()
	result, err := b.exec(ctx, insertSaga, append(values, sqlite.Sum(values...))...)
	if err != nil {
		return err
	}
	made, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if made == 0 {
		w.saga, err = b.existing(ctx, &c.Saga)
		return err
	}
	w.saga, w.made = c.Saga, true
	if w.saga.N, err = result.LastInsertId(); err != nil {
		return err
	}
	return b.rest(ctx, c, w.saga.N)
}

func (b *batch) existing(ctx context.Context, s *Saga) (Saga, error) {
	const query = `SELECT n, ` + columns + `, sum FROM saga WHERE id = ? OR key <> '' AND started_by = ? AND key = ?`
	return scanSaga(b.where, b.tx.QueryRowContext(ctx, query, s.ID, s.By, s.Key).Scan)
}

func (b *batch) update(ctx context.Context, w *write) error {
	c := w.update
	s := &c.Saga
	result, err := b.exec(ctx, updateSaga, s.Status, s.Version, micros(s.Due), micros(s.Expires), micros(s.Updated),
		sqlite.Sum(s.values()...), bytes(s.Doc), s.N, s.Version-1)
	if err != nil {
		return err
	}
	changed, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if changed == 0 {
		w.err = ErrVersion
		return nil
	}
	return b.rest(ctx, c, s.N)
}

// rest writes what goes with a saga's row.
func (b *batch) rest(ctx context.Context, c *Change, n int64) error {
	s := &c.Saga
	if len(c.Log) > 0 {
		at := micros(s.Updated)
		if _, err := b.exec(ctx, insertLine, n, s.Version, at, c.Log, sqlite.Sum(n, s.Version, at, c.Log)); err != nil {
			return err
		}
	}
	if c.Waits != nil && s.Version > 1 {
		if _, err := b.exec(ctx, deleteWaits, n); err != nil {
			return err
		}
	}
	for _, wait := range c.Waits {
		if _, err := b.exec(ctx, insertWait, wait.Topic, wait.Value, n, s.ID, wait.Step,
			sqlite.Sum(wait.Topic, wait.Value, n, s.ID, wait.Step)); err != nil {
			return err
		}
	}
	return nil
}

// Purge deletes what expires by a time.
func (f *file) Purge(ctx context.Context, by time.Time, most int) (int, error) {
	var deleted int64
	err := f.db.Write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := f.fenced(ctx, tx); err != nil {
			return err
		}
		for _, statement := range purges {
			result, err := tx.ExecContext(ctx, f.sql(statement), micros(by), most)
			if err != nil {
				return err
			}
			if deleted, err = result.RowsAffected(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err // the write may yet be under way
	}
	return int(deleted), nil
}
