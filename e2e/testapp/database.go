package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// openDatabase opens the service's SQLite file and makes its tables. Each commit is
// durable.
func openDatabase(migration string, args ...any) (*sql.DB, error) {
	query := url.Values{
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)"}, "_txlock": {"immediate"},
	}
	db, err := sql.Open("sqlite", "file:"+os.Getenv("DATABASE_PATH")+"?"+query.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(context.Background(), migration, args...); err != nil {
		return nil, fmt.Errorf("the migration: %w", err)
	}
	return db, nil
}
