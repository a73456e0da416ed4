package outbox

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/postgres/pgtest"
)

// Many writers, each with events that cause each other, beside a transaction that
// wrote first and commits last: nothing is lost, no key's order is broken, and the
// open transaction holds back nobody.
func TestPostgresWriters(t *testing.T) {
	db, address := newPostgres(t)
	db.SetMaxOpenConns(80)
	run(t, db, `CREATE TABLE orders (key INTEGER, i INTEGER)`)
	long, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := long.Exec(`INSERT INTO outbox (topic, subject, data) VALUES ('a', 'long', '0')`); err != nil {
		t.Fatal(err)
	}
	b := newBus()
	start(t, address, b)
	const writers, each = 64, 40
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				if err := write(db, w, i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	b.until(t, "a", writers*each)
	checkKeys(t, b.of("a"), writers, each)
	if err := long.Commit(); err != nil {
		t.Fatal(err)
	}
	events := b.until(t, "a", writers*each+1)
	if len(events) != writers*each+1 {
		t.Errorf("%d events", len(events))
	}
	drained(t, db)
}

// One key that is written by turns through two connections: what was committed
// before is published before, though the sequence does not know of commits.
func TestPostgresOrderOfCauses(t *testing.T) {
	db, address := newPostgres(t)
	b := newBus()
	start(t, address, b)
	other := connect(t, address)
	const turns = 200
	for i := range turns {
		writer := db
		if i%2 == 1 {
			writer = other
		}
		// An open transaction takes a number now and then, and gives it back to nobody.
		if i%10 == 0 {
			tx, err := other.Begin()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec(`INSERT INTO outbox (topic, subject, data) VALUES ('a', 'gone', '0')`); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { tx.Rollback() })
		}
		run(t, writer, `INSERT INTO outbox (topic, subject, data) VALUES ('a', 'k', $1)`, strconv.Itoa(i))
	}
	b.until(t, "a", turns)
	checkKeys(t, b.of("a"), 1, turns)
}

// A second relay waits for the first one's end and then takes over.
func TestPostgresTakeover(t *testing.T) {
	db, address := newPostgres(t)
	first, second := newBus(), newBus()
	one := start(t, address, first)
	run(t, db, `INSERT INTO outbox (topic, data) VALUES ('a', '1')`)
	first.until(t, "a", 1)
	two := start(t, address, second)
	two.log.until(t, "another relay has the outbox")
	if trouble := two.Stat().Trouble; trouble == nil {
		t.Error("the second relay sees no trouble")
	}
	run(t, db, `INSERT INTO outbox (topic, data) VALUES ('a', '2')`)
	first.until(t, "a", 2)
	drained(t, db)
	one.stop()
	run(t, db, `INSERT INTO outbox (topic, data) VALUES ('a', '3')`)
	if got := second.until(t, "a", 1); got[0] != "3" {
		t.Errorf("the second relay published %v", got)
	}
	two.log.until(t, "relayed again")
}

// What would break the order of events is refused, and says what to do.
func TestPostgresSequence(t *testing.T) {
	db, address := newPostgres(t)
	open := func() error {
		t.Helper()
		config, err := parsePostgres(address)
		if err != nil {
			t.Fatal(err)
		}
		relay, err := openPostgres(t.Context(), config)
		if err == nil {
			relay.close()
		}
		return err
	}
	if err := open(); err != nil {
		t.Fatal(err)
	}
	run(t, db, `ALTER TABLE outbox ALTER COLUMN n SET CACHE 20`)
	if err := open(); err == nil || !strings.Contains(err.Error(), "SET CACHE 1") {
		t.Errorf("with CACHE 20: %v", err)
	}
	run(t, db, `ALTER TABLE outbox ALTER COLUMN n SET CACHE 1`)
	if err := open(); err != nil {
		t.Error(err)
	}
	run(t, db, `ALTER TABLE outbox ALTER COLUMN n DROP IDENTITY`)
	if err := open(); err == nil || !strings.Contains(err.Error(), "IDENTITY") {
		t.Errorf("without a sequence: %v", err)
	}
	run(t, db, `DROP TABLE outbox`)
	if err := open(); err == nil || !strings.Contains(err.Error(), "there is no table outbox") {
		t.Errorf("without a table: %v", err)
	}
}

// The documented trigger wakes the relay, long before it would look by itself.
func TestPostgresNotify(t *testing.T) {
	db, address := newPostgres(t)
	run(t, db, fence(t, "sql postgres notify"))
	config, err := parsePostgres(address)
	if err != nil {
		t.Fatal(err)
	}
	relay, err := openPostgres(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer relay.close()
	relay.(*postgres).told = false
	run(t, db, `INSERT INTO outbox (topic, data) VALUES ('a', '1'), ('a', '2')`)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	began := time.Now()
	if err := relay.wait(ctx, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if !relay.(*postgres).rare || time.Since(began) >= postgresRare {
		t.Errorf("woken after %v", time.Since(began))
	}
	// Without a new row it wakes by its own clock, and the session is still good.
	if err := relay.wait(ctx, time.Now().Add(20*time.Millisecond)); err != nil {
		t.Error(err)
	}
	if rows, err := relay.read(ctx, "a"); err != nil || len(rows) != 2 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// Sessions that are cut, and a server that crashes and comes back, in the middle
// of relaying: all is published, in order.
func TestPostgresOutage(t *testing.T) {
	db, address := newPostgres(t)
	b := newBus()
	r := start(t, address, b)
	insert := func(from, to int) {
		t.Helper()
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		for i := from; i < to; i++ {
			if _, err := tx.Exec(`INSERT INTO outbox (topic, subject, data) VALUES ('a', 'k', $1)`, strconv.Itoa(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		insert(400*i, 400*(i+1))
		b.until(t, "a", 400*i+1)
		run(t, db, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'banyan outbox' AND datname = current_database()`)
	}
	drained(t, db)
	r.log.until(t, "not relayed")

	insert(2000, 4000)
	s := pgtest.Shared(t)
	if err := s.Crash(); err != nil {
		t.Fatal(err)
	}
	r.log.until(t, "cannot be reached")
	if r.Stat().Trouble == nil {
		t.Error("there is no trouble without a server")
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	db = connect(t, address)
	drained(t, db)
	checkKeys(t, b.of("a"), 1, 4000)
}

// Where refused rows cannot be moved they hold up their topic alone, and Stat says why.
func TestPostgresRefusedWithoutRight(t *testing.T) {
	db, address := newPostgres(t)
	run(t, db, `DROP ROLE IF EXISTS narrow`)
	run(t, db, `CREATE ROLE narrow LOGIN PASSWORD 'narrow'`)
	run(t, db, `REVOKE CREATE ON SCHEMA public FROM PUBLIC`) // up to version 14 everybody may
	run(t, db, `GRANT SELECT, DELETE ON outbox TO narrow`)
	t.Cleanup(func() {
		run(t, db, `DROP OWNED BY narrow`)
		run(t, db, `DROP ROLE narrow`)
	})
	run(t, db, `INSERT INTO outbox (topic, data, attributes) VALUES ('a', '1', '[]'), ('a', '2', NULL), ('b', '3', NULL)`)
	b := newBus()
	r := start(t, strings.Replace(address, "app@", "narrow:narrow@", 1), b)
	b.until(t, "a", 1)
	b.until(t, "b", 1)
	r.stop()
	stat := r.Stat()
	if len(stat.Held) != 1 || stat.Held[0].Topic != "a" || !strings.Contains(stat.Held[0].Why.Error(), "outbox_refused: ") {
		t.Errorf("held %+v", stat.Held)
	}
	if n := count(t, db, "outbox"); n != 1 {
		t.Errorf("%d rows are left", n)
	}
}
