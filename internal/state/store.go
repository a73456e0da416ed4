// Package state keeps what must survive the daemon: the desired app, builds,
// instances and the identities of their processes, ports. It is a small store
// of JSON documents by kind and key over SQLite (WAL, synchronous FULL), with
// one writer that commits what callers have queued in one transaction, and a
// checksum of its own for every document.
//
// What it promises: once Put, Delete or Flush has returned nil, what it wrote
// survives kill -9 and power loss; writes are carried out in the order of the
// calls; a document that was damaged is reported, never returned.
package state

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Store is the open state of one app. Its methods are safe for concurrent use.
type Store struct{ db *sqlite.DB }

// Open opens the state in the file at path, made if it is missing. Errors are
// those of sqlite.Open.
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

// Exists reports whether there is something in the file at path or its log.
func Exists(path string) bool {
	for _, file := range []string{path, path + "-wal"} {
		if info, err := os.Stat(file); err == nil && info.Size() > 0 {
			return true
		}
	}
	return false
}

// Close writes what is queued and closes the file. No method may be called after it.
func (s *Store) Close() error { return s.db.Close() }

// Get reads a document into value. It reports false if there is none.
func (s *Store) Get(ctx context.Context, kind, key string, value any) (bool, error) {
	if err := s.Flush(ctx); err != nil {
		return false, err
	}
	var data []byte
	var sum uint32
	err := s.db.Reader().QueryRowContext(ctx, `SELECT value, sum FROM documents WHERE kind = ? AND key = ?`, kind, key).Scan(&data, &sum)
	if err == sql.ErrNoRows {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("state: %w", err)
	}
	return true, s.decode(kind, key, data, sum, value)
}

// All reads every document of a kind, by key.
func All[T any](ctx context.Context, s *Store, kind string) (map[string]T, error) {
	if err := s.Flush(ctx); err != nil {
		return nil, err
	}
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT key, value, sum FROM documents WHERE kind = ?`, kind)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	defer rows.Close()
	all := map[string]T{}
	for rows.Next() {
		var key string
		var data []byte
		var sum uint32
		if err := rows.Scan(&key, &data, &sum); err != nil {
			return nil, fmt.Errorf("state: %w", err)
		}
		var value T
		if err := s.decode(kind, key, data, sum, &value); err != nil {
			return nil, err
		}
		all[key] = value
	}
	return all, rows.Err()
}

func (s *Store) decode(kind, key string, data []byte, sum uint32, value any) error {
	if sum != checksum(kind, key, data) {
		return fault.New(fault.Damaged, "the state of %s %q does not match its checksum", kind, key).At(s.db.Path()).
			Fix("the disk or the file is damaged: stop the app's processes, move the state directory away, and run `banyan up` again")
	}
	if err := json.Unmarshal(data, value); err != nil {
		return fault.New(fault.Damaged, "the state of %s %q cannot be read: %w", kind, key, err).At(s.db.Path())
	}
	return nil
}

func checksum(kind, key string, data []byte) uint32 {
	sum := crc32.Update(0, castagnoli, []byte(kind+"\x00"+key+"\x00"))
	return crc32.Update(sum, castagnoli, data)
}
