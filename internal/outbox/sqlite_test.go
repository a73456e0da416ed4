package outbox

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/cloudevent"
)

// The file and the table may come after the relay, and in steps.
func TestSQLiteComesLater(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "order.db")
	b := newBus()
	r := start(t, "sqlite://"+path, b)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	db := openService(t, path, "WAL")
	run(t, db, `CREATE TABLE orders (id TEXT)`)
	run(t, db, fence(t, "sql sqlite outbox"))
	run(t, db, `INSERT INTO outbox (topic, data) VALUES ('a', '1')`)
	b.until(t, "a", 1)
	drained(t, db)
	r.stop()
	if stat := r.Stat(); stat.Trouble != nil {
		t.Errorf("trouble %v", stat.Trouble)
	}
}

func TestSQLiteAbsent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "order.db")
	if _, err := openSQLite(t.Context(), path); !errors.Is(err, errAbsent) {
		t.Errorf("without a file: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the relay made the file")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openSQLite(t.Context(), path); !errors.Is(err, errAbsent) {
		t.Errorf("with an empty file: %v", err)
	}
	run(t, openService(t, path, "WAL"), `CREATE TABLE orders (id TEXT)`)
	if _, err := openSQLite(t.Context(), path); !errors.Is(err, errAbsent) {
		t.Errorf("without a table: %v", err)
	}
}

// A table that goes and comes, and a file that is replaced or made again, are followed.
func TestSQLiteReplaced(t *testing.T) {
	path, address := newSQLite(t, "WAL")
	b := newBus()
	start(t, address, b)
	put := func(data string) {
		t.Helper()
		db := openService(t, path, "WAL")
		run(t, db, `INSERT INTO outbox (topic, data) VALUES ('a', $1)`, data)
		b.until(t, "a", len(b.of("a"))+1)
		db.Close()
	}
	put("1")

	db := openService(t, path, "WAL")
	run(t, db, `DROP TABLE outbox`)
	run(t, db, fence(t, "sql sqlite outbox"))
	db.Close()
	put("2")

	other, _ := newSQLite(t, "DELETE") // a whole file, with no log beside it
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	os.Remove(path + "-wal")
	os.Remove(path + "-shm")
	put("3")

	for _, end := range []string{"", "-wal", "-shm"} {
		os.Remove(path + end)
	}
	run(t, openService(t, path, "WAL"), fence(t, "sql sqlite outbox"))
	put("4")
}

// Writers never see the relay but as a short wait: none gets SQLITE_BUSY.
func TestSQLiteWriters(t *testing.T) {
	for _, mode := range []string{"WAL", "DELETE"} {
		t.Run(mode, func(t *testing.T) {
			path, address := newSQLite(t, mode)
			b := newBus()
			start(t, address, b)
			const writers = 4
			each := 150
			if mode == "DELETE" {
				each = 40 // each commit is several syncs
			}
			var group sync.WaitGroup
			for w := range writers {
				db := openService(t, path, mode)
				group.Go(func() {
					for i := range each {
						if err := write(db, w, i); err != nil {
							t.Errorf("writer %d, row %d: %v", w, i, err)
							return
						}
					}
				})
			}
			group.Wait()
			if t.Failed() {
				return
			}
			b.until(t, "a", writers*each)
			checkKeys(t, b.of("a"), writers, each)
			db := openService(t, path, mode)
			drained(t, db)
			if n := count(t, db, "orders"); n != writers*each {
				t.Errorf("%d orders", n)
			}
		})
	}
}

// write commits a business row and its event together.
func write(db *sql.DB, key, i int) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.Exec(`CREATE TABLE IF NOT EXISTS orders (key INTEGER, i INTEGER)`); err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO orders VALUES ($1, $2)`, key, i); err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO outbox (topic, subject, data) VALUES ('a', $1, $2)`, strconv.Itoa(key), strconv.Itoa(i)); err != nil {
		return err
	}
	return tx.Commit()
}

// checkKeys wants each key's events 0, 1, 2 … in order, repetitions aside, and ids that are one event's.
func checkKeys(t *testing.T, events []cloudevent.Event, keys, each int) {
	t.Helper()
	next := map[string]int{}
	ids := map[string]string{}
	for _, e := range events {
		key, _ := e.Get(cloudevent.Subject)
		id, _ := e.Get(cloudevent.ID)
		what := key + "/" + string(e.Data)
		if before, seen := ids[id]; seen {
			if before != what {
				t.Fatalf("id %s is of %s and of %s", id, before, what)
			}
			continue
		}
		ids[id] = what
		if string(e.Data) != strconv.Itoa(next[key]) {
			t.Fatalf("key %s: event %s comes when %d is due", key, e.Data, next[key])
		}
		next[key]++
	}
	if len(next) != keys {
		t.Errorf("%d keys, want %d", len(next), keys)
	}
	for key, n := range next {
		if n != each {
			t.Errorf("key %s has %d events, want %d", key, n, each)
		}
	}
}

// While the bus is slow to answer the service can write, checkpoint and vacuum:
// the relay holds nothing open.
func TestSQLiteHoldsNothing(t *testing.T) {
	path, address := newSQLite(t, "WAL")
	b := newBus()
	called, answer := make(chan struct{}), make(chan struct{})
	b.answer = func(string, []cloudevent.Event) ([]error, error) {
		called <- struct{}{}
		<-answer
		return nil, nil
	}
	db := openService(t, path, "WAL")
	run(t, db, `PRAGMA busy_timeout = 0`)
	run(t, db, `INSERT INTO outbox (topic, data) VALUES ('a', '1')`)
	r := start(t, address, b)
	<-called
	run(t, db, `CREATE TABLE orders (id TEXT)`)
	run(t, db, `VACUUM`)
	var busy, log, moved int
	if err := db.QueryRow(`PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &log, &moved); err != nil || busy != 0 || log != 0 {
		t.Errorf("checkpoint: busy %d, log %d, %v", busy, log, err)
	}
	close(answer)
	drained(t, db)
	r.stop()
}

// The log is the service's: the relay's own writes never move it into the file.
func TestSQLiteNeverCheckpoints(t *testing.T) {
	path, address := newSQLite(t, "WAL")
	db := openService(t, path, "WAL")
	run(t, db, `PRAGMA wal_autocheckpoint = 0`)
	big := strings.Repeat("x", 4000)
	for i := range 3 * sqliteRows / 2 {
		run(t, db, `INSERT INTO outbox (topic, data) VALUES ('a', $1)`, fmt.Sprintf("%q", fmt.Sprint(i, big)))
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b := newBus()
	start(t, address, b)
	b.until(t, "a", 3*sqliteRows/2)
	drained(t, db)
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file has changed (%v)", err)
	}
}

// What the relay of root makes beside another user's database is that user's.
func TestSQLiteOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can run programs as another user")
	}
	const nobody = 65534
	path, address := newSQLite(t, "WAL")
	db := openService(t, path, "WAL")
	run(t, db, `INSERT INTO outbox (topic, data) VALUES ('a', '1')`)
	db.Close() // and with it the log
	if err := os.Chown(path, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	b := newBus()
	start(t, address, b)
	b.until(t, "a", 1)
	for _, end := range []string{"-wal", "-shm"} {
		info, err := os.Stat(path + end)
		if err != nil {
			t.Fatal(err)
		}
		if uid := info.Sys().(*syscall.Stat_t).Uid; uid != nobody {
			t.Errorf("%s belongs to %d", end, uid)
		}
	}
}

// A database that its service locks for itself is trouble that says so.
func TestSQLiteLocked(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 5 s")
	}
	path, _ := newSQLite(t, "WAL")
	locker := openService(t, path, "WAL")
	locker.SetMaxOpenConns(1)
	run(t, locker, `PRAGMA locking_mode = EXCLUSIVE`)
	run(t, locker, `BEGIN IMMEDIATE; COMMIT`)
	_, err := openSQLite(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), "locking_mode") || !strings.HasPrefix(err.Error(), path) {
		t.Errorf("error %v", err)
	}
}

// One row that is far too large for any topic is refused without being read.
func TestSQLiteHugeRow(t *testing.T) {
	path, address := newSQLite(t, "WAL")
	db := openService(t, path, "WAL")
	run(t, db, `INSERT INTO outbox (topic, data) VALUES ('a', zeroblob($1)), ('a', '1')`, dataMost+1)
	b := newBus()
	start(t, address, b)
	b.until(t, "a", 1)
	drained(t, db)
	var reason string
	if err := db.QueryRow(`SELECT reason FROM outbox_refused`).Scan(&reason); err != nil || !strings.Contains(reason, "8388609 bytes") {
		t.Errorf("reason %q, %v", reason, err)
	}
}

func TestSQLiteTime(t *testing.T) {
	want := time.Date(2026, 1, 31, 12, 0, 0, 5e8, time.UTC)
	for _, text := range []string{"2026-01-31 12:00:00.5", "2026-01-31T12:00:00.5", "2026-01-31T12:00:00.5Z", "2026-01-31T14:00:00.5+02:00"} {
		if got := sqliteTime(text); !got.Equal(want) {
			t.Errorf("%s is %v", text, got)
		}
	}
	if got := sqliteTime("yesterday"); !got.IsZero() {
		t.Errorf("yesterday is %v", got)
	}
}

// A pause ends with the context, in any state.
func TestSQLiteWaitEnds(t *testing.T) {
	path, _ := newSQLite(t, "WAL")
	db, err := openSQLite(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.wait(ctx, time.Now().Add(time.Hour)); err == nil {
		t.Error("it returns nothing")
	}
	if err := db.wait(t.Context(), time.Now()); err != nil {
		t.Errorf("at its time: %v", err)
	}
}
