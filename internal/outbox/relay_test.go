package outbox

import (
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/cloudevent"
)

// dialects make a database with the tables of the docs, and open it as its service does.
var dialects = map[string]func(*testing.T) (db *sql.DB, address string){
	"sqlite": func(t *testing.T) (*sql.DB, string) {
		t.Helper()
		path, address := newSQLite(t, "WAL")
		return openService(t, path, "WAL"), address
	},
	"postgres": newPostgres,
}

// A row of the docs' table becomes the event that the docs say.
func TestEvent(t *testing.T) {
	for name, open := range dialects {
		t.Run(name, func(t *testing.T) {
			db, address := open(t)
			b := newBus()
			r := start(t, address, b)
			run(t, db, `CREATE TABLE orders (id TEXT, total INTEGER)`)
			run(t, db, fence(t, "sql outbox insert"))
			run(t, db, `INSERT INTO outbox (id, topic, type, subject, attributes, created_at)
			VALUES ('e2', 'order.shipped', 'shipped', 's', '{"traceparent": "00-1", "count": 12345678901, "fast": true, "gone": null}', '2026-01-31T12:00:00.5Z')`)
			b.until(t, "order.placed", 1)
			b.until(t, "order.shipped", 1)
			placed, shipped := b.of("order.placed")[0], b.of("order.shipped")[0]
			id, _ := placed.Get(cloudevent.ID)
			at, _ := placed.Get(cloudevent.Time)
			when, err := time.Parse(time.RFC3339Nano, at)
			if len(id) < 32 || err != nil || time.Since(when) > time.Minute || time.Since(when) < -time.Second {
				t.Errorf("id %q, time %q", id, at)
			}
			if got, want := attributes(placed, cloudevent.ID, cloudevent.Time),
				"datacontenttype=application/json source=/services/order/outbox subject=1001 type=order.placed"; got != want {
				t.Errorf("attributes %s, want %s", got, want)
			}
			if got, want := string(placed.Data), `{"order": "1001", "total": 4200}`; got != want {
				t.Errorf("data %s, want %s", got, want)
			}
			if got, want := attributes(shipped),
				"count=12345678901 fast=true id=e2 source=/services/order/outbox subject=s time=2026-01-31T12:00:00.5Z traceparent=00-1 type=shipped"; got != want {
				t.Errorf("attributes %s, want %s", got, want)
			}
			drained(t, db)
			r.stop()
			if stat := r.Stat(); stat.Published != 2 || stat.Trouble != nil || len(stat.Held) != 0 {
				t.Errorf("%+v", stat)
			}
		})
	}
}

// Rows that can never be published are kept with the reason; those behind them go on.
func TestRefused(t *testing.T) {
	for name, open := range dialects {
		t.Run(name, func(t *testing.T) {
			db, address := open(t)
			b := newBus()
			b.answer = func(topic string, events []cloudevent.Event) ([]error, error) {
				results := make([]error, len(events))
				for i, e := range events {
					if topic == "nobody.declared" || string(e.Data) == `"bad"` {
						results[i] = errors.New("refused by the bus")
					}
				}
				return results, nil
			}
			for i, r := range []struct{ topic, data, attributes string }{
				{"a", `1`, `{}`},
				{"a", `"bad"`, `{}`},
				{"a", `2`, `{"source": "/me"}`},
				{"a", `3`, `{"x": {}}`},
				{"a", `4`, `[]`},
				{"a", `5`, `{"no-name": "x"}`},
				{"a", `6`, `{}`},
				{"nobody.declared", `7`, `{}`},
			} {
				run(t, db, `INSERT INTO outbox (id, topic, data, attributes) VALUES ($1, $2, $3, $4)`, strconv.Itoa(i), r.topic, r.data, r.attributes)
			}
			run(t, db, `INSERT INTO outbox (id, topic, data) VALUES ('', 'a', '8')`)
			r := start(t, address, b)
			if got := strings.Join(b.until(t, "a", 2), " "); got != "1 6" {
				t.Errorf("published %s", got)
			}
			drained(t, db)
			r.log.until(t, "nobody.declared")
			var reasons []string
			rows, err := db.Query(`SELECT data, reason FROM outbox_refused ORDER BY n`)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for rows.Next() {
				var data, reason string
				if err := rows.Scan(&data, &reason); err != nil {
					t.Fatal(err)
				}
				reasons = append(reasons, data+": "+reason)
			}
			want := []string{
				`"bad": refused by the bus`, `2: the column attributes has "source"`, `3: the column attributes has "x", which is neither`,
				`4: the column attributes is not`, `5: attribute "no-name"`, `7: refused by the bus`, `8: attribute "id": must not be empty`,
			}
			if err := rows.Err(); err != nil {
				t.Error(err)
			}
			if len(reasons) != len(want) {
				t.Fatalf("refused %q", reasons)
			}
			for i := range want {
				if !strings.HasPrefix(reasons[i], want[i]) {
					t.Errorf("reason %s, want %s…", reasons[i], want[i])
				}
			}

			// What the docs say puts them back.
			b.setAnswer(nil)
			run(t, db, fence(t, "sql outbox again"))
			if got := b.until(t, "nobody.declared", 1); got[0] != "7" {
				t.Errorf("published again %v", got)
			}
		})
	}
}

// A topic that takes no events keeps its rows, in order, and holds up no other.
func TestHeld(t *testing.T) {
	for name, open := range dialects {
		t.Run(name, func(t *testing.T) {
			db, address := open(t)
			b := newBus()
			later := time.Now().Add(time.Hour)
			b.answer = func(topic string, events []cloudevent.Event) ([]error, error) {
				switch topic {
				case "full":
					return nil, fmt.Errorf("bus: %w", &Later{Until: later, Err: errors.New("the topic is full")})
				case "broken":
					return nil, errBoom
				}
				return nil, nil
			}
			run(t, db, `INSERT INTO outbox (topic, data) VALUES ('broken', '0'), ('full', '0'), ('open', '0')`)
			r := start(t, address, b)
			b.until(t, "open", 1)
			run(t, db, `INSERT INTO outbox (topic, data) VALUES ('full', '1'), ('broken', '1'), ('open', '1')`)
			b.until(t, "open", 2)
			r.stop()
			stat := r.Stat()
			if len(stat.Held) != 2 || stat.Held[0].Topic != "broken" || stat.Held[1].Topic != "full" {
				t.Fatalf("held %+v", stat.Held)
			}
			if !stat.Held[1].Until.Equal(later) || stat.Held[1].Why.Error() != "bus: the topic is full" {
				t.Errorf("held %+v", stat.Held[1])
			}
			if until := stat.Held[0].Until; time.Until(until) > holdMost {
				t.Errorf("held until %v", until)
			}
			b.setAnswer(nil)
			start(t, address, b)
			for _, topic := range []string{"full", "broken"} {
				if got := strings.Join(b.until(t, topic, 2), " "); got != "0 1" {
					t.Errorf("topic %s got %s", topic, got)
				}
			}
			drained(t, db)
		})
	}
}

// A held topic is tried again by itself, without a new row.
func TestHeldTopicComesBack(t *testing.T) {
	for name, open := range dialects {
		t.Run(name, func(t *testing.T) {
			db, address := open(t)
			b := newBus()
			failures := 3
			b.answer = func(string, []cloudevent.Event) ([]error, error) {
				if failures--; failures >= 0 {
					return nil, errBoom
				}
				return nil, nil
			}
			run(t, db, `INSERT INTO outbox (topic, data) VALUES ('a', '1')`)
			r := start(t, address, b)
			b.until(t, "a", 1)
			drained(t, db)
			r.stop()
			if stat := r.Stat(); len(stat.Held) != 0 {
				t.Errorf("held %+v", stat.Held)
			}
		})
	}
}

// A batch is bounded by rows, and many batches come in order, also when one of
// those that were read together fails.
func TestBatches(t *testing.T) {
	for name, open := range dialects {
		t.Run(name, func(t *testing.T) {
			db, address := open(t)
			const rows = postgresRows + chunkMost + 7
			b := newBus()
			calls, largest := 0, 0
			b.answer = func(_ string, events []cloudevent.Event) ([]error, error) {
				largest = max(largest, len(events))
				if calls++; calls == 2 {
					return nil, errBoom
				}
				return nil, nil
			}
			tx, err := db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			for i := range rows {
				if _, err := tx.Exec(`INSERT INTO outbox (topic, data) VALUES ('a', $1)`, strconv.Itoa(i)); err != nil {
					t.Fatal(err)
				}
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			start(t, address, b)
			for i, data := range b.until(t, "a", rows) {
				if data != strconv.Itoa(i) {
					t.Fatalf("event %d has data %s", i, data)
				}
			}
			drained(t, db)
			if largest != chunkMost {
				t.Errorf("the largest batch has %d events, want %d", largest, chunkMost)
			}
		})
	}
}

// What is missing is trouble only after a while, and other failures at once.
func TestTrouble(t *testing.T) {
	log := newJournal()
	r := &Relay{service: "order", log: testLog(log)}
	start := time.Now()
	missing := absent("there is no database", "/x.db")
	r.failed(t.Context(), missing, start)
	r.failed(t.Context(), missing, start.Add(absentGrace-1))
	if stat := r.Stat(); stat.Trouble != nil {
		t.Errorf("trouble %v before a minute is over", stat.Trouble)
	}
	r.failed(t.Context(), missing, start.Add(absentGrace))
	r.failed(t.Context(), missing, start.Add(2*absentGrace))
	want := "/x.db: there is no database: it is not there; make it"
	if stat := r.Stat(); stat.Trouble == nil || !strings.HasPrefix(stat.Trouble.Error(), want) || !stat.Since.Equal(start) {
		t.Errorf("%+v", stat)
	}
	r.failed(t.Context(), errBoom, start.Add(2*absentGrace))
	if stat := r.Stat(); !strings.Contains(stat.Trouble.Error(), "boom") {
		t.Errorf("%+v", stat)
	}
	r.works(t.Context())
	if stat := r.Stat(); stat.Trouble != nil || !stat.Since.IsZero() {
		t.Errorf("%+v", stat)
	}
	if got := strings.Count(log.String(), "\n"); got != 3 {
		t.Errorf("%d records:\n%s", got, log.String())
	}
}

func TestUnknownDatabase(t *testing.T) {
	for _, address := range []string{"", "mysql://x", "postgres://%%", "/var/order.db"} {
		if _, err := New(Options{Service: "order", URL: address, Bus: newBus(), Log: testLog(newJournal())}); err == nil {
			t.Errorf("%q is taken", address)
		}
	}
}
