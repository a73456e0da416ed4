package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/sqlite"
)

var migrations = fstest.MapFS{"00001_n.sql": {Data: []byte("-- +goose Up\nCREATE TABLE n (n INTEGER PRIMARY KEY, text TEXT);\n-- +goose Down\nDROP TABLE n;\n")}}

func open(t *testing.T, path string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, migrations)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func insert(t *testing.T, db *sqlite.DB, n int) error {
	t.Helper()
	return db.Write(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO n VALUES (?, ?)`, n, strings.Repeat("x", 100))
		return err
	})
}

func count(t *testing.T, db *sqlite.DB) (n int) {
	t.Helper()
	if err := db.Reader().QueryRowContext(t.Context(), `SELECT count(*) FROM n`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAnErrorIsTheCallersAlone: of writes that share a transaction, the one that fails is undone.
func TestAnErrorIsTheCallersAlone(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "with space?&#.db"))
	defer db.Close()
	own := errors.New("own")
	var wg sync.WaitGroup
	for n := range 100 {
		wg.Go(func() {
			err := db.Write(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
				if _, err := tx.ExecContext(ctx, `INSERT INTO n VALUES (?, '')`, n); err != nil {
					return err
				}
				if n%2 == 0 {
					return own
				}
				return nil
			})
			if (n%2 == 0) != errors.Is(err, own) {
				t.Errorf("%d: %v", n, err)
			}
		})
	}
	wg.Wait()
	if n := count(t, db); n != 50 {
		t.Errorf("%d rows", n)
	}
}

func TestReaderDoesNotWrite(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "x.db"))
	defer db.Close()
	if _, err := db.Reader().ExecContext(t.Context(), `INSERT INTO n VALUES (1, '')`); err == nil {
		t.Error("it was written")
	}
}

func TestGarbageIsNotOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), path, migrations); fault.CodeOf(err) != fault.Damaged {
		t.Errorf("%v", err)
	}
}

// TestDamagedLog: no bit of the log can change without either being reported or
// touching only the last transaction, which may have been cut short by a crash.
func TestDamagedLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db := open(t, path)
	defer db.Close()
	const rows = 20
	for n := range rows {
		if err := insert(t, db, n); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string][]byte{}
	for _, end := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + end) // as kill -9 leaves it
		if err != nil {
			t.Fatal(err)
		}
		files[end] = data
	}
	log := files["-wal"]
	const step = 1499
	for at := 0; at < len(log); at += step {
		damaged := append([]byte{}, log...)
		damaged[at] ^= 1 << (at % 8)
		path := filepath.Join(t.TempDir(), "x.db")
		for name, data := range map[string][]byte{path: files[""], path + "-wal": damaged} {
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		again, err := sqlite.Open(t.Context(), path, migrations)
		if err != nil {
			if fault.CodeOf(err) != fault.Damaged {
				t.Errorf("byte %d: %v", at, err)
			}
			continue
		}
		if n := count(t, again); n < rows-1 {
			t.Errorf("byte %d of %d: %d rows", at, len(log), n)
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSum(t *testing.T) {
	sums := map[uint32]bool{}
	for _, columns := range [][]any{{"a", "b"}, {"ab", ""}, {"", "ab"}, {[]byte("a"), "b"}, {int64(1)}, {int64(256)}, {}} {
		sums[sqlite.Sum(columns...)] = true
	}
	if len(sums) != 7 {
		t.Errorf("%d sums of 7 rows", len(sums))
	}
}
