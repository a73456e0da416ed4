package outbox

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"go.uber.org/goleak"

	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/postgres/pgtest"
)

// A process of this binary that is told so is a relay, which tests kill.
func TestMain(m *testing.M) {
	if os.Getenv(childURL) != "" {
		os.Exit(child())
	}
	code := m.Run()
	pgtest.Stop()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// patience is how long a test waits for what has to happen.
const patience = 30 * time.Second

// fence returns the block of docs/events.md that is marked by info.
func fence(t *testing.T, info string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```"+info+"\n")
	block, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatalf("docs/events.md has no block marked %q", info)
	}
	return block
}

// bus is a bus in memory. The zero value takes everything.
type bus struct {
	mu     sync.Mutex
	events map[string][]cloudevent.Event
	// answer, if there is one, says what Publish answers; what it answers with an error is not kept.
	answer func(topic string, events []cloudevent.Event) ([]error, error)
	calls  chan string // if not nil, gets the topic of each call, as far as there is room
	woken  chan struct{}
}

func newBus() *bus {
	return &bus{events: map[string][]cloudevent.Event{}, woken: make(chan struct{}, 1), calls: make(chan string, 1024)}
}

func (b *bus) Publish(_ context.Context, service, topic string, events []cloudevent.Event) ([]error, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var results []error
	if b.answer != nil {
		var err error
		if results, err = b.answer(topic, events); err != nil {
			return nil, err
		}
	}
	for i, event := range events {
		if i >= len(results) || results[i] == nil {
			b.events[topic] = append(b.events[topic], event)
		}
	}
	select {
	case b.woken <- struct{}{}:
	default:
	}
	select {
	case b.calls <- topic:
	default:
	}
	return results, nil
}

func (b *bus) setAnswer(answer func(string, []cloudevent.Event) ([]error, error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

func (b *bus) of(topic string) []cloudevent.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]cloudevent.Event(nil), b.events[topic]...)
}

// until waits until a topic has n events, and returns their data.
func (b *bus) until(t *testing.T, topic string, n int) []string {
	t.Helper()
	late := time.After(patience)
	for {
		events := b.of(topic)
		if len(events) >= n {
			data := make([]string, len(events))
			for i, event := range events {
				data[i] = string(event.Data)
			}
			return data
		}
		select {
		case <-b.woken:
		case <-late:
			t.Fatalf("%d events of topic %s after %v, want %d", len(events), topic, patience, n)
		}
	}
}

// journal is a log that tests read.
type journal struct {
	mu    sync.Mutex
	text  bytes.Buffer
	woken chan struct{}
}

func newJournal() *journal { return &journal{woken: make(chan struct{}, 1)} }

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	select {
	case j.woken <- struct{}{}:
	default:
	}
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) until(t *testing.T, part string) {
	t.Helper()
	late := time.After(patience)
	for !strings.Contains(j.String(), part) {
		select {
		case <-j.woken:
		case <-late:
			t.Fatalf("no %q in the log after %v:\n%s", part, patience, j.String())
		}
	}
}

// running is a relay of a test.
type running struct {
	*Relay
	log  *journal
	stop func() // and wait
}

// start runs a relay until the test ends.
func start(t *testing.T, address string, b Publisher) running {
	t.Helper()
	log := newJournal()
	r, err := New(Options{Service: "order", URL: address, Bus: b, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run returned %v", err)
			}
		case <-time.After(patience):
			t.Error("Run does not end")
		}
	})
	t.Cleanup(stop)
	return running{r, log, stop}
}

// newSQLite makes a database with the tables of the docs, and returns its path and address.
func newSQLite(t *testing.T, mode string) (path, address string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "order.db")
	db := openService(t, path, mode)
	run(t, db, fence(t, "sql sqlite outbox"))
	run(t, db, fence(t, "sql sqlite inbox"))
	db.Close()
	return path, "sqlite://" + path
}

// openService opens a database as its service does.
func openService(t *testing.T, path, mode string) *sql.DB {
	t.Helper()
	query := url.Values{"_pragma": {"busy_timeout(30000)", "journal_mode(" + mode + ")"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", "file:"+path+"?"+query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func run(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.Exec(statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func count(t *testing.T, db *sql.DB, table string) (n int) {
	t.Helper()
	if err := db.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// drained waits until the outbox is empty.
func drained(t *testing.T, db *sql.DB) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); count(t, db, "outbox") > 0; {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%d rows are left after %v", count(t, db, "outbox"), patience)
		}
	}
}

var errBoom = errors.New("boom")

func testLog(j *journal) *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// attributes shows all but some attributes, by name.
func attributes(e cloudevent.Event, but ...string) string {
	var shown []string
	for _, a := range e.Attrs {
		if !slices.Contains(but, a.Name) {
			shown = append(shown, a.Name+"="+a.Value)
		}
	}
	slices.Sort(shown)
	return strings.Join(shown, " ")
}
