package main

import (
	"context"
	"database/sql"
	"testing/fstest"

	"github.com/banyanrun/banyan/internal/sqlite"
)

var naiveTable = fstest.MapFS{"00001_progress.sql": {Data: []byte(
	"-- +goose Up\nCREATE TABLE progress (id TEXT PRIMARY KEY, step INTEGER NOT NULL) STRICT;\n-- +goose Down\nDROP TABLE progress;\n")}}

var paths = []string{"/reservations", "/charges", "/shipments"}

// bare makes the three calls, and nothing outlives a crash.
func (s *services) bare(ctx context.Context, _ string) error {
	for _, path := range paths {
		if err := s.ask(ctx, path, string(input)); err != nil {
			return err
		}
	}
	return nil
}

// notebook is what a careful program without a coordinator does: a commit after
// each call says how far it is. It undoes nothing, repeats nothing, and keeps no answer.
type notebook struct {
	*services
	db *sqlite.DB
}

func openNotebook(ctx context.Context, path string, s *services) (*notebook, error) {
	db, err := sqlite.Open(ctx, path, naiveTable)
	return &notebook{s, db}, err
}

func (n *notebook) one(ctx context.Context, id string) error {
	for step, path := range paths {
		if err := n.ask(ctx, path, string(input)); err != nil {
			return err
		}
		if err := n.db.Write(ctx, func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO progress VALUES (?, ?)`, id, step)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}
