package barrier_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/banyanrun/banyan/internal/postgres/pgtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	pgtest.Stop()
	os.Exit(code)
}

// dialects open a database with the docs' table and one of effects.
var dialects = map[string]func(*testing.T) *sql.DB{
	"sqlite": func(t *testing.T) *sql.DB {
		t.Helper()
		db, _ := newSQLite(t)
		return db
	},
	"postgres": func(t *testing.T) *sql.DB {
		t.Helper()
		db, _ := newPostgres(t)
		return db
	},
}

const effects = `CREATE TABLE effects (n INTEGER)`

func newSQLite(t *testing.T) (db *sql.DB, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "payment.db")
	query := url.Values{"_pragma": {"busy_timeout(30000)", "journal_mode(WAL)"}, "_txlock": {"immediate"}}
	db = connect(t, "sqlite", "file:"+path+"?"+query.Encode())
	run(t, db, fence(t, "sql sqlite barrier"))
	run(t, db, effects)
	return db, path
}

var databases int

func newPostgres(t *testing.T) (db *sql.DB, name string) {
	t.Helper()
	s := pgtest.Shared(t)
	databases++
	name = fmt.Sprintf("barrier%d", databases)
	admin := connect(t, "pgx", s.URL("postgres"))
	run(t, admin, "CREATE DATABASE "+name)
	db = connect(t, "pgx", s.URL(name))
	run(t, db, fence(t, "sql postgres barrier"))
	run(t, db, effects)
	return db, name
}

func connect(t *testing.T, driver, address string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func run(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// story checks what the requests of TestGo leave: charged and refunded once, never, and once.
func story(t *testing.T, db *sql.DB) {
	t.Helper()
	var effects, sum, keys int
	err := db.QueryRow(`SELECT count(*), sum(n), (SELECT count(*) FROM barrier) FROM effects`).Scan(&effects, &sum, &keys)
	if err != nil || effects != 3 || sum != 1 || keys != 5 {
		t.Errorf("%d effects that add up to %d, and %d keys, %v; want 3, 1 and 5", effects, sum, keys, err)
	}
}

// fence returns the block of docs/sagas.md that is marked by info.
func fence(t *testing.T, info string) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/sagas.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```"+info+"\n")
	block, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatalf("docs/sagas.md has no block marked %q", info)
	}
	return block
}

// need skips the test where a command fails.
func need(t *testing.T, what, name string, args ...string) {
	t.Helper()
	if err := exec.Command(name, args...).Run(); err != nil {
		t.Skip("skipped: " + what + " is not here; get it from your package manager")
	}
}

// script runs a program on an SQLite database, in which the story has to be true then.
func script(t *testing.T, name, text, command string) {
	t.Helper()
	db, path := newSQLite(t)
	program := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(program, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(command, program, path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	story(t, db)
}
