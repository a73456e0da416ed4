package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/banyanrun/banyan/internal/fault"
)

// sqliteRows bounds a read, which is a few milliseconds at most.
const sqliteRows = 256

// How often the file is asked whether it changed. A commit shows shortly after
// the write that a watch tells of, and how long after depends on the disk.
const (
	sqlitePoll  = 250 * time.Millisecond
	sqliteEager = 2 * time.Millisecond
)

// sqliteBusy is how long the relay waits for a lock.
const sqliteBusy = 5 * time.Second

// sqlite is the outbox in an SQLite file that its service has open too. The relay
// is a guest there: it never makes the file, never moves the log into it, and
// holds no lock but for the time of a short statement.
type sqlite struct {
	db      *sql.DB
	path    string
	file    os.FileInfo         // the one that is open
	version int64               // of what other connections committed, as seen last
	watch   *fsnotify.Watcher   // nil: nobody watches
	events  chan fsnotify.Event // its channels
	missed  chan error
}

func openSQLite(ctx context.Context, path string) (database, error) {
	file, err := os.Stat(path)
	// While the file is empty its service may be about to change the journal mode,
	// which fails at once where somebody else reads.
	if errors.Is(err, fs.ErrNotExist) || err == nil && file.Size() == 0 {
		return nil, absent("there is no database", path)
	}
	if err != nil {
		return nil, fault.New(fault.Denied, "the database of the outbox cannot be opened: %w", err)
	}
	query := url.Values{
		"mode": {"rw"}, "_txlock": {"immediate"},
		// What is removed need not be durable at once: if it comes back it is published again with the same id.
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", sqliteBusy.Milliseconds()), "synchronous(NORMAL)", "wal_autocheckpoint(0)"},
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	db.SetMaxOpenConns(1) // the version is a connection's
	s := &sqlite{db: db, path: path, file: file}
	if err := s.begin(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *sqlite) begin(ctx context.Context) error {
	var there bool
	err := s.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'outbox')`).Scan(&there)
	if err != nil {
		return s.explain(err)
	}
	if !there {
		return absent("there is no table outbox", s.path)
	}
	if _, err := s.changed(ctx); err != nil {
		return err
	}
	watch, err := fsnotify.NewWatcher()
	if err != nil {
		return nil //nolint:nilerr // polling does without; the kernel's watches are scarce
	}
	s.watch, s.events, s.missed = watch, watch.Events, watch.Errors
	_ = watch.Add(filepath.Dir(s.path)) // polling does without, again
	return nil
}

func (s *sqlite) close() {
	if s.watch != nil {
		_ = s.watch.Close() // nothing is written by it
	}
	_ = s.db.Close() // nor here: each statement has ended
}

// explain adds what to do to errors that somebody can do something about.
func (s *sqlite) explain(err error) error {
	if isBusy(err) {
		return fault.New(fault.Unavailable, "the database of the outbox is locked: %w", err).At(s.path).
			Fix("keep transactions short, and do not set locking_mode to EXCLUSIVE")
	}
	return fault.New(fault.Unavailable, "the outbox cannot be relayed: %w", err).At(s.path)
}

// same returns errReplaced where the path leads to another file than the open one.
func (s *sqlite) same() error {
	if file, err := os.Stat(s.path); err != nil || !os.SameFile(file, s.file) {
		return errReplaced
	}
	return nil
}

// changed says whether another connection has committed since the last call.
func (s *sqlite) changed(ctx context.Context) (bool, error) {
	if err := s.same(); err != nil {
		return false, err
	}
	var version int64
	if err := s.db.QueryRowContext(ctx, `PRAGMA data_version`).Scan(&version); err != nil {
		return false, s.explain(err)
	}
	before := s.version
	s.version = version
	return version != before, nil
}

func (s *sqlite) topics(ctx context.Context) ([]string, error) {
	rows, err := s.db.QueryContext(ctx, topicsSQL, topicsMost)
	if err != nil {
		return nil, s.explain(err)
	}
	defer rows.Close()
	var topics []string
	for rows.Next() {
		var topic string
		if err := rows.Scan(&topic); err != nil {
			return nil, s.explain(err)
		}
		topics = append(topics, topic)
	}
	if err := rows.Err(); err != nil {
		return nil, s.explain(err)
	}
	return topics, nil
}

func (s *sqlite) read(ctx context.Context, topic string) ([]row, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT n, CAST(id AS TEXT), topic, type, subject,
		CASE WHEN octet_length(data) <= ? THEN CAST(data AS BLOB) END, coalesce(octet_length(data), 0),
		CAST(attributes AS BLOB), coalesce(CAST(created_at AS TEXT), '')
		FROM outbox WHERE topic = ? ORDER BY n LIMIT ?`, dataMost, topic, sqliteRows)
	if err != nil {
		return nil, s.explain(err)
	}
	defer rows.Close()
	var read []row
	for size := 0; size < bytesMost && rows.Next(); {
		var r row
		var created string
		if err := rows.Scan(&r.n, &r.id, &r.topic, &r.kind, &r.subject, &r.data, &r.size, &r.attributes, &created); err != nil {
			return nil, s.explain(err)
		}
		r.created = sqliteTime(created)
		read = append(read, r)
		size += len(r.data) + len(r.attributes)
	}
	if err := rows.Err(); err != nil {
		return nil, s.explain(err)
	}
	return read, nil
}

// sqliteTime reads what SQLite's datetime and strftime write, which is UTC, and
// RFC 3339; zero: it is something else.
func sqliteTime(text string) time.Time {
	for _, layout := range [...]string{time.DateTime, "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil { // each takes fractions of a second too
			return t
		}
	}
	return time.Time{}
}

func (s *sqlite) remove(ctx context.Context, rows []row) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		del, err := tx.PrepareContext(ctx, `DELETE FROM outbox WHERE n = ? AND CAST(id AS TEXT) = ?`)
		if err != nil {
			return err
		}
		defer del.Close()
		for i := range rows {
			if _, err := del.ExecContext(ctx, rows[i].n, rows[i].id); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *sqlite) refuse(ctx context.Context, rows []refusal) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS outbox_refused AS
			SELECT `+columns+`, '' AS reason, '' AS refused_at FROM outbox WHERE 0`); err != nil {
			return err
		}
		for _, r := range rows {
			if _, err := tx.ExecContext(ctx, `INSERT INTO outbox_refused (`+columns+`, reason, refused_at)
				SELECT `+columns+`, ?, datetime('now') FROM outbox WHERE n = ? AND CAST(id AS TEXT) = ?`, r.reason, r.n, r.id); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `DELETE FROM outbox WHERE n = ? AND CAST(id AS TEXT) = ?`, r.n, r.id); err != nil {
				return err
			}
		}
		return nil
	})
}

// lock begins a transaction that has the write lock. SQLite's lock has no queue:
// who waits tries again now and then, and SQLite does so ever more seldom. The
// relay tries often, since its service may leave few gaps.
func (s *sqlite) lock(ctx context.Context) (*sql.Tx, error) {
	if _, err := s.db.ExecContext(ctx, `PRAGMA busy_timeout = 0`); err != nil {
		return nil, err
	}
	tx, err := s.db.BeginTx(ctx, nil)
	for late := time.Now().Add(sqliteBusy); isBusy(err) && time.Now().Before(late); {
		sleep(ctx, time.Millisecond)
		tx, err = s.db.BeginTx(ctx, nil)
	}
	// Everything else waits as usual, the commit for readers where there is no log.
	reset := fmt.Sprintf(`PRAGMA busy_timeout = %d`, sqliteBusy.Milliseconds())
	if err != nil {
		_, resetErr := s.db.ExecContext(ctx, reset)
		return nil, errors.Join(err, resetErr)
	}
	if _, err := tx.ExecContext(ctx, reset); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return tx, nil
}

func isBusy(err error) bool {
	code, ok := errors.AsType[interface {
		error
		Code() int
	}](err)
	return ok && code.Code()&0xff == 5 // SQLITE_BUSY
}

// write runs a transaction that has the write lock from its start, so that it
// waits its turn instead of failing in the middle.
func (s *sqlite) write(ctx context.Context, change func(*sql.Tx) error) error {
	if err := s.same(); err != nil {
		return err
	}
	tx, err := s.lock(ctx)
	if err != nil {
		return s.explain(err)
	}
	defer tx.Rollback() // does nothing after Commit
	if err := change(tx); err != nil {
		return s.explain(err)
	}
	if err := tx.Commit(); err != nil {
		return s.explain(err)
	}
	return nil
}

func (s *sqlite) count(ctx context.Context) (waiting, refused int, err error) {
	if err := s.db.QueryRowContext(ctx, countSQL("outbox"), countMost).Scan(&waiting); err != nil {
		return 0, 0, s.explain(err)
	}
	var there bool
	err = s.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'outbox_refused')`).Scan(&there)
	if err == nil && there {
		err = s.db.QueryRowContext(ctx, countSQL("outbox_refused"), countMost).Scan(&refused)
	}
	if err != nil {
		return 0, 0, s.explain(err)
	}
	return waiting, refused, nil
}

func (s *sqlite) wait(ctx context.Context, until time.Time) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for pause := sqlitePoll; ; pause = min(2*pause, sqlitePoll) {
		if changed, err := s.changed(ctx); changed || err != nil {
			return err
		}
		left := time.Until(until)
		if left <= 0 {
			return nil
		}
		timer.Reset(min(pause, left))
		for due := false; !due; {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-timer.C:
				due = true
			case event := <-s.events:
				if pause > sqliteEager && strings.HasPrefix(filepath.Base(event.Name), filepath.Base(s.path)) {
					pause = sqliteEager
					timer.Reset(min(pause, left))
				}
			case err := <-s.missed: // the watch has not seen all
				due = err != nil
			}
		}
	}
}
