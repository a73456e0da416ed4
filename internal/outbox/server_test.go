package outbox

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/banyanrun/banyan/internal/postgres/pgtest"
)

var databases int

// newPostgres makes a database with the tables of the docs, and returns its address.
func newPostgres(t *testing.T) (db *sql.DB, address string) {
	t.Helper()
	s := pgtest.Shared(t)
	databases++
	name := fmt.Sprintf("test%d", databases)
	admin := connect(t, s.URL("postgres"))
	run(t, admin, "CREATE DATABASE "+name)
	admin.Close()
	db = connect(t, s.URL(name))
	run(t, db, fence(t, "sql postgres outbox"))
	run(t, db, fence(t, "sql postgres inbox"))
	return db, s.URL(name)
}

func connect(t *testing.T, address string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
