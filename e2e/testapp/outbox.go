package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/banyanrun/banyan/e2e/ledger"
)

// publishByOutbox is publish with a database: an event counts as stored when its
// row of the table outbox is committed.
func publishByOutbox() error {
	db, err := openDatabase(`CREATE TABLE IF NOT EXISTS outbox ( -- as docs/events.md has it
		n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE DEFAULT (lower(hex(randomblob(16)))),
		topic TEXT NOT NULL, type TEXT, subject TEXT, data TEXT, attributes TEXT,
		created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));
		CREATE INDEX IF NOT EXISTS outbox_topic ON outbox (topic, n)`)
	if err != nil {
		return err
	}
	return publishBy(func(l *lane) bool {
		if err := l.commit(db); err != nil {
			fmt.Fprintln(os.Stderr, "testapp:", err)
			<-time.After(100 * time.Millisecond)
			return false
		}
		for n := l.first; n < l.next; n++ {
			l.note(ledger.Entry{Kind: ledger.Kept, N: n})
		}
		return true
	})
}

// commit writes what is not known to be stored. What was before, and was published
// and removed meanwhile, is published again.
func (l *lane) commit(db *sql.DB) error {
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	for n := l.first; n < l.next; n++ {
		e := l.event(n)
		data, err := json.Marshal(e.Data)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(context.Background(), `INSERT INTO outbox (id, topic, type, subject, data) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
			e.ID, os.Getenv("TOPIC"), e.Type, e.Subject, string(data)); err != nil {
			return err
		}
	}
	return tx.Commit()
}
