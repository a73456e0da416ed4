package main

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/banyanrun/banyan/internal/telemetry/block"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// What somebody who keeps spans in SQLite would make: a row a span, with the whole
// of it as bytes, and a row an attribute, which is what finds one without a scan.
const schema = `
PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;
CREATE TABLE spans (id INTEGER PRIMARY KEY, trace BLOB, start INTEGER, duration INTEGER, service TEXT, name TEXT, status INTEGER, data BLOB);
CREATE INDEX spans_trace ON spans (trace);
CREATE INDEX spans_start ON spans (start);
CREATE TABLE attributes (key TEXT, value TEXT, span INTEGER, PRIMARY KEY (key, value, span)) WITHOUT ROWID;`

func measureSQLite(ctx context.Context, o *options, dir string) (_ *figures, err error) {
	file := filepath.Join(dir, "peer.db")
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, err
	}
	p := newPool(time.Now(), o.peer)
	f := &figures{name: "SQLite", what: "spans", records: o.peer}
	w := &sqliteWriter{db: db}
	cores := runtime.GOMAXPROCS(1)
	m := begin()
	for done := 0; done < o.peer && ctx.Err() == nil; {
		spans := p.next(min(batch, o.peer-done))
		if done <= o.peer/2 && done+len(spans) > o.peer/2 {
			spans = mark(spans)
		}
		if err := w.write(ctx, spans); err != nil {
			return nil, err
		}
		done += len(spans)
	}
	if _, err := db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return nil, err
	}
	m.end(f)
	runtime.GOMAXPROCS(cores)
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	f.bytes = info.Size()
	f.print(os.Stdout)
	if len(p.ids) == 0 {
		p.ids = append(p.ids, p.spans[0].Trace)
	}
	count := func(query string, args ...any) error {
		n := 0
		rows, err := db.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			n++
		}
		if n == 0 {
			return errors.New("nothing was found")
		}
		return rows.Err()
	}
	return f, f.searches(ctx, o.searches, []search{
		{"trace", "a trace by its id", func(_ context.Context, i int) error {
			id := p.ids[i*7919%len(p.ids)]
			return count("SELECT data FROM spans WHERE trace = ? ORDER BY start", id[:])
		}},
		{"attribute", "an attribute that one span has", func(context.Context, int) error {
			return count(`SELECT s.trace, min(s.start), count(*) FROM attributes a JOIN spans s ON s.id = a.span
				WHERE a.key = ? AND a.value = ? GROUP BY s.trace ORDER BY s.start DESC LIMIT 50`, rareKey, rareValue)
		}},
	})
}

type sqliteWriter struct {
	db   *sql.DB
	last int64
	rows block.RowEncoder
}

func (w *sqliteWriter) write(ctx context.Context, spans []signal.Span) (err error) {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	span, err := tx.PrepareContext(ctx, "INSERT INTO spans VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
	if err != nil {
		return err
	}
	defer span.Close()
	attr, err := tx.PrepareContext(ctx, "INSERT OR IGNORE INTO attributes VALUES (?, ?, ?)")
	if err != nil {
		return err
	}
	defer attr.Close()
	for i := range spans {
		s := &spans[i]
		w.last++
		data := w.rows.Spans(nil, spans[i:i+1])
		if _, err := span.ExecContext(ctx, w.last, s.Trace[:], s.Start, s.Duration(), s.Resource.Service, s.Name, int(s.Status), data); err != nil {
			return err
		}
		for _, a := range s.Attrs {
			if _, err := attr.ExecContext(ctx, a.Key, a.Value.String(), w.last); err != nil {
				return err
			}
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	return nil
}
