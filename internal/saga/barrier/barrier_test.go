package barrier_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

var errBoom = errors.New("boom")

// insert is work that has the effect n.
func insert(n int, answer string) func(*sql.Tx) (string, error) {
	return func(tx *sql.Tx) (string, error) {
		_, err := tx.Exec(`INSERT INTO effects VALUES ($1)`, n)
		return answer, err
	}
}

func failing(tx *sql.Tx) (string, error) {
	_, err := tx.Exec(`INSERT INTO effects VALUES (100)`)
	return "", errors.Join(err, errBoom)
}

// Each request of a story, and what must come of it, as each language's test tells it.
func TestGo(t *testing.T) {
	type ask struct {
		key    string
		work   func(*sql.Tx) (string, error)
		answer string
		err    error
	}
	for name, open := range dialects {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			for i, a := range []ask{
				{"s1/charge/do", failing, "", errBoom}, // leaves no trace
				{"s1/charge/do", insert(1, `{"id":7}`), `{"id":7}`, nil},
				{"s1/charge/do", insert(1, `{"id":8}`), `{"id":7}`, nil}, // a duplicate
				{"s1/charge/undo", failing, "", errBoom},
				{"s1/charge/undo", insert(-1, `"ok"`), `"ok"`, nil},
				{"s1/charge/undo", insert(-1, `"again"`), `"ok"`, nil},
				{"s1/charge/do", insert(1, `{"id":9}`), `{"id":7}`, nil}, // a duplicate that was late
				{"s2/charge/undo", insert(-1, `"ok"`), "null", nil},      // nothing was done
				{"s2/charge/undo", insert(-1, `"ok"`), "null", nil},
				{"s2/charge/do", insert(1, `{"id":10}`), "", errTooLate},
				{"s3/charge/do", insert(1, `{"id":11}`), `{"id":11}`, nil}, // another saga
			} {
				answer, err := once(t.Context(), db, a.key, a.work)
				if answer != a.answer || !errors.Is(err, a.err) {
					t.Errorf("%d: %s: %s, %v, want %s, %v", i, a.key, answer, err, a.answer, a.err)
				}
			}
			story(t, db)
		})
	}
}

// The work says no, and its undo comes. A copy of the call that comes later is not
// done, though the work would say yes by then.
func TestNo(t *testing.T) {
	for name, open := range dialects {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			if _, err := once(t.Context(), db, "s1/charge/do", failing); !errors.Is(err, errBoom) {
				t.Errorf("the call: %v", err)
			}
			if answer, err := once(t.Context(), db, "s1/charge/undo", insert(-1, `"ok"`)); answer != "null" || err != nil {
				t.Errorf("the undo: %s, %v", answer, err)
			}
			if answer, err := once(t.Context(), db, "s1/charge/do", insert(1, `"ok"`)); !errors.Is(err, errTooLate) {
				t.Errorf("the copy: %s, %v", answer, err)
			}
			var n int
			if err := db.QueryRow(`SELECT count(*) FROM effects`).Scan(&n); err != nil || n != 0 {
				t.Errorf("%d effects, %v", n, err)
			}
		})
	}
}

// Calls and undos of one step that come at the same time, in any order and number,
// leave an effect if no undo came, and otherwise none.
func TestConcurrently(t *testing.T) {
	for name, open := range dialects {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			want := 0
			for saga := range 20 {
				undos := rand.IntN(3)
				if undos == 0 {
					want++
				}
				var all sync.WaitGroup
				for i := range 6 {
					key, n := fmt.Sprintf("s%d/charge/do", saga), 1
					if i < undos {
						key, n = fmt.Sprintf("s%d/charge/undo", saga), -1
					}
					all.Go(func() {
						if _, err := once(t.Context(), db, key, insert(n, `"x"`)); err != nil && !errors.Is(err, errTooLate) {
							t.Errorf("%s: %v", key, err)
						}
					})
				}
				all.Wait()
			}
			var sum int
			if err := db.QueryRow(`SELECT coalesce(sum(n), 0) FROM effects`).Scan(&sum); err != nil || sum != want {
				t.Errorf("the effects add up to %d, %v, want %d", sum, err, want)
			}
		})
	}
}

// The purge of the docs removes what is old and nothing else.
func TestPurge(t *testing.T) {
	for name, open := range dialects {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			run(t, db, `INSERT INTO barrier (key, at) VALUES ('old', '2020-01-31 12:00:00')`)
			run(t, db, `INSERT INTO barrier (key) VALUES ('new')`)
			run(t, db, fence(t, "sql "+name+" purge"))
			var left string
			if err := db.QueryRow(`SELECT min(key) || ' ' || max(key) FROM barrier`).Scan(&left); err != nil || left != "new new" {
				t.Errorf("left is %s, %v", left, err)
			}
		})
	}
}
