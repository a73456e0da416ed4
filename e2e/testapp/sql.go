package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// execSQL runs statements at $DATABASE_URL, which is PostgreSQL, after START_DELAY.
func execSQL(statements []string) error {
	if d, err := time.ParseDuration(os.Getenv("START_DELAY")); err == nil {
		<-time.After(d)
	}
	ctx := context.Background()
	db, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close(ctx) }() // the server finds out by itself
	for _, s := range statements {
		if _, err := db.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// querySQL answers with the first column of what `q` gives at $DATABASE_URL, or in
// another `database` of the same server.
func querySQL(w http.ResponseWriter, r *http.Request) {
	config, err := pgx.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	if name := r.FormValue("database"); name != "" {
		config.Database = name
	}
	found, err := query(r.Context(), config, r.FormValue("q"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	fmt.Fprint(w, strings.Join(found, " "))
}

func query(ctx context.Context, config *pgx.ConnConfig, q string) ([]string, error) {
	db, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close(ctx) }() // the server finds out by itself
	rows, err := db.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		values, err := row.Values()
		if err != nil || len(values) == 0 {
			return "", err
		}
		return fmt.Sprint(values[0]), nil
	})
}
