package store

import (
	"database/sql"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/banyanrun/banyan/internal/postgres/pgtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	pgtest.Stop()
	os.Exit(code)
}

var databases atomic.Int64

// newPostgres makes a database and returns its address.
func newPostgres(t *testing.T) string {
	t.Helper()
	s := pgtest.Shared(t)
	name := fmt.Sprintf("test%d", databases.Add(1))
	execute(t, "pgx", s.URL("postgres"), "CREATE DATABASE "+name)
	return s.URL(name)
}

// opened returns what Open and Connect are wrapped in: the store is closed with the test.
func opened(t *testing.T) func(Store, error) Store {
	t.Helper()
	return func(s Store, err error) Store {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = closeOnce(s) })
		return s
	}
}

// closeOnce closes a store that a test may have closed.
func closeOnce(s Store) error {
	switch s := s.(type) {
	case *file:
		if s.group.closed {
			return nil
		}
	case *server:
		if s.group.closed {
			return nil
		}
	}
	return s.Close()
}

// execute runs a statement on a connection of its own.
func execute(t *testing.T, driver, address, statement string) {
	t.Helper()
	if driver == "sqlite" {
		address = "file:" + address + "?_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(statement, err)
	}
}
