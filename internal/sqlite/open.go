package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/banyanrun/banyan/internal/fault"
)

// repair is what to do about a file that cannot be trusted.
const repair = "the disk or the file is damaged: stop the app's processes, move the state directory away, and run `banyan up` again"

// readers is how many reads may run at a time, beside the writer.
const readers = 4

// DB is an open database. Its methods are safe for concurrent use.
type DB struct {
	path   string
	writer *sql.DB
	reader *sql.DB
	writes chan write
	done   chan struct{}
}

// Open opens the database in the file at path, made if it is missing, looks through
// it, and brings it to the newest of the migrations, which are goose's SQL files.
// Errors are fault.Damaged and fault.Denied.
func Open(ctx context.Context, path string, migrations fs.FS) (*DB, error) {
	db, err := OpenLarge(ctx, path, migrations)
	if err != nil {
		return nil, err
	}
	if err := db.Look(ctx); err != nil {
		_ = db.Close() // the first error says more
		return nil, err
	}
	return db, nil
}

// OpenLarge is Open for a file of gigabytes, whose owner has Look called at leisure.
func OpenLarge(ctx context.Context, path string, migrations fs.FS) (*DB, error) {
	if err := touch(path); err != nil {
		return nil, fault.New(fault.Denied, "cannot make the database: %w", err)
	}
	if err := checkLog(path + "-wal"); err != nil {
		return nil, err
	}
	db := &DB{path: path, writes: make(chan write, 1024), done: make(chan struct{})}
	var err error
	if db.writer, err = open(path, 1, "journal_mode(WAL)", "synchronous(FULL)"); err != nil {
		return nil, err
	}
	if err := migrate(ctx, db.writer, migrations); err != nil {
		_ = db.writer.Close() // the first error says more
		return nil, fault.New(fault.Damaged, "cannot read the database: %w", err).At(path).Fix("%s", repair)
	}
	if db.reader, err = open(path, readers, "query_only(1)"); err != nil {
		_ = db.writer.Close() // the first error says more
		return nil, err
	}
	go db.run() // ended by Close
	return db, nil
}

func touch(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func open(path string, connections int, pragmas ...string) (*sql.DB, error) {
	query := url.Values{"_pragma": append(pragmas, "busy_timeout(5000)"), "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

func migrate(ctx context.Context, db *sql.DB, migrations fs.FS) error {
	p, err := goose.NewProvider(goose.DialectSQLite3, db, migrations, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// Look reads the whole file and returns a fault.Damaged if its pages do not fit together.
func (db *DB) Look(ctx context.Context) error {
	var found string
	err := db.reader.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&found)
	if err == nil && found != "ok" {
		err = errors.New(found)
	}
	if err != nil {
		return fault.New(fault.Damaged, "cannot read the database: %w", err).At(db.path).Fix("%s", repair)
	}
	return nil
}

// Path returns the file's.
func (db *DB) Path() string { return db.path }

// Reader returns the connections for queries, which see what Write has committed.
// Writing through them is refused.
func (db *DB) Reader() *sql.DB { return db.reader }

// Prepare prepares a statement for Write, once for all its transactions, in which
// tx.StmtContext makes it a part of one.
func (db *DB) Prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	s, err := db.writer.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", db.path, err)
	}
	return s, nil
}

// Close writes what is queued and closes the file. No method may be called after it.
func (db *DB) Close() error {
	close(db.writes)
	<-db.done
	return errors.Join(db.reader.Close(), db.writer.Close())
}
