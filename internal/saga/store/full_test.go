package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/banyanrun/banyan/internal/fault"
)

// TestFull: what the disk has no room for is refused by that name, nothing that was
// stored is lost, and when there is room again all goes on.
func TestFull(t *testing.T) {
	s := acquired(t, place{open: func(t *testing.T) Store {
		t.Helper()
		return opened(t)(Open(t.Context(), filepath.Join(t.TempDir(), "saga.db")))
	}})
	kept := 0
	fill := func() (err error) {
		for ; err == nil; kept++ {
			one := saga(kept)
			one.Doc = make([]byte, 20_000)
			_, _, err = s.Create(t.Context(), Change{Saga: one, Log: []byte("x")})
		}
		kept--
		return err
	}
	made := create(t, s, Change{Saga: saga(1000)})
	pages(t, s, 100)
	if err := fill(); !errors.Is(err, ErrFull) || fault.CodeOf(err) != fault.Unavailable || kept == 0 {
		t.Fatalf("after %d sagas: %v", kept, err)
	}
	large := next(made, "running")
	large.Doc = make([]byte, 1<<20)
	if err := s.Update(t.Context(), Change{Saga: large}); !errors.Is(err, ErrFull) {
		t.Errorf("update: %v", err)
	}
	if err := s.Define(t.Context(), Definition{Digest: "d", Text: make([]byte, 1<<20)}); !errors.Is(err, ErrFull) {
		t.Errorf("define: %v", err)
	}
	var writers sync.WaitGroup
	for n := range 20 { // many at once
		writers.Go(func() {
			if n%2 == 0 {
				_ = s.Define(t.Context(), Definition{Digest: strconv.Itoa(n)}) // there may be room for it
				return
			}
			one := saga(2000 + n)
			one.Doc = large.Doc
			if _, _, err := s.Create(t.Context(), Change{Saga: one}); !errors.Is(err, ErrFull) {
				t.Errorf("create: %v", err)
			}
		})
	}
	writers.Wait()
	all, err := s.List(t.Context(), Filter{Most: 10_000})
	if err != nil || len(all) != kept+1 {
		t.Errorf("%d sagas are read, %d were stored: %v", len(all), kept+1, err)
	}
	pages(t, s, 1<<30)
	if err := s.Update(t.Context(), Change{Saga: large}); err != nil {
		t.Errorf("with room again: %v", err)
	}
	create(t, s, Change{Saga: saga(kept)})
}

// pages bounds how large the file may be.
func pages(t *testing.T, s Store, most int) {
	t.Helper()
	f, _ := s.(*file) // in SQLite
	if err := f.db.Write(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", most))
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
