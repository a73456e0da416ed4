package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/sqlite"
)

// The lease, by the server's clock. A coordinator that does not renew it has lost
// it to the next that asks; until then nobody else may write either.
const (
	leaseFor  = 15 * time.Second
	renewEach = 5 * time.Second
	askEach   = time.Second
)

// server is a store in PostgreSQL.
type server struct {
	reader
	*group
	pool  *pgxpool.Pool
	fence atomic.Int64 // zero: not acquired
}

var _ Store = (*server)(nil)

// Connect opens the store in the PostgreSQL database at url, in the schema
// banyan_sagas, which is made if it is missing. Errors are fault.Invalid,
// fault.Unavailable and fault.Denied.
func Connect(ctx context.Context, url string) (Store, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the address of the sagas' database cannot be read: %w", err)
	}
	config.MaxConns = max(config.MaxConns, 4)
	params := config.ConnConfig.RuntimeParams
	params["application_name"] = "banyan sagas"
	params["timezone"] = "UTC"
	params["search_path"] = "banyan_sagas"
	params["synchronous_commit"] = "on"
	// One that was paused within a transaction does not keep the lease's row from the next.
	params["idle_in_transaction_session_timeout"] = "10000"
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the address of the sagas' database cannot be used: %w", err)
	}
	s := &server{pool: pool}
	s.reader = reader{stdlib.OpenDBFromPool(pool), fmt.Sprintf("%s/%s", config.ConnConfig.Host, config.ConnConfig.Database), "$"}
	if err := s.migrate(ctx); err != nil {
		_ = s.reader.db.Close() // the first error says more
		pool.Close()
		return nil, fault.New(fault.Unavailable, "the sagas' database cannot be made ready: %w", err).At(s.where)
	}
	s.group = newGroup(s.commit)
	return s, nil
}

func (s *server) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations/postgres")
	if err != nil {
		return err
	}
	// An advisory lock of the transaction: IF NOT EXISTS alone fails where two do it at once.
	if err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('banyan sagas'))`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS banyan_sagas`); err != nil {
			return err
		}
		return nil
	}); err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectPostgres, s.reader.db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// Acquire waits until the lease has run out, and takes it.
func (s *server) Acquire(ctx context.Context) error {
	for {
		var fence int64
		err := s.pool.QueryRow(ctx, `UPDATE lease SET fence = fence + 1, expires = clock_timestamp() + $1::interval
			WHERE expires < clock_timestamp() RETURNING fence`, leaseFor).Scan(&fence)
		switch {
		case err == nil:
			s.fence.Store(fence)
			return nil
		case !errors.Is(err, pgx.ErrNoRows):
			return s.failed(err)
		}
		select {
		case <-time.After(askEach):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Hold renews the lease. While the server cannot be reached it goes on trying:
// what is written meanwhile fails, and what is written later is fenced.
func (s *server) Hold(ctx context.Context) error {
	tick := time.NewTicker(renewEach)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		done, err := s.pool.Exec(ctx, `UPDATE lease SET expires = clock_timestamp() + $1::interval WHERE fence = $2`, leaseFor, s.fence.Load())
		if err == nil && done.RowsAffected() == 0 {
			return ErrFenced
		}
	}
}

// Check does nothing: the server sees to its pages.
func (s *server) Check(context.Context) error { return nil }

// Close ends the lease, so that the next need not wait for it.
func (s *server) Close() error {
	s.group.close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, _ = s.pool.Exec(ctx, `UPDATE lease SET expires = '-infinity' WHERE fence = $1`, s.fence.Load()) // it runs out by itself
	err := s.reader.db.Close()
	s.pool.Close()
	return err
}

// diskFull is of https://www.postgresql.org/docs/current/errcodes-appendix.html.
const diskFull = "53100"

func (s *server) failed(err error) error {
	if errors.Is(err, ErrFenced) {
		return err
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == diskFull {
		return noRoom(s.where)
	}
	return fault.New(fault.Unavailable, "the sagas' database cannot be written: %w", err).At(s.where)
}

// write runs do in a transaction in which the fence cannot change.
func (s *server) write(ctx context.Context, do func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var fence int64
		if err := tx.QueryRow(ctx, `SELECT fence FROM lease FOR SHARE`).Scan(&fence); err != nil {
			return err
		}
		if fence == 0 || fence != s.fence.Load() {
			return ErrFenced
		}
		return do(tx)
	})
	if err != nil {
		return s.failed(err)
	}
	return nil
}

// Define keeps a definition.
func (s *server) Define(ctx context.Context, d Definition) error {
	return s.write(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO definition VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			d.Digest, d.Name, bytes(d.Text), int64(sqlite.Sum(d.Digest, d.Name, d.Text)))
		return err
	})
}

// Create makes a saga.
func (s *server) Create(ctx context.Context, c Change) (Saga, bool, error) {
	w := &write{create: &c}
	if err := s.do(ctx, w); err != nil {
		return Saga{}, false, err
	}
	return w.saga, w.made, w.saga.Damage
}

// Update makes a change.
func (s *server) Update(ctx context.Context, c Change) error {
	return s.do(ctx, &write{update: &c})
}

// Purge deletes what expires by a time.
func (s *server) Purge(ctx context.Context, by time.Time, most int) (deleted int, err error) {
	err = s.write(ctx, func(tx pgx.Tx) error {
		for _, statement := range purges {
			done, err := tx.Exec(ctx, statement, micros(by), most)
			if err != nil {
				return err
			}
			deleted = int(done.RowsAffected())
		}
		return nil
	})
	return deleted, err
}
