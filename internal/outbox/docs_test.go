package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/postgres/pgtest"
)

// receive applies an event once, however often it is delivered.
func receive(ctx context.Context, db *sql.DB, delivery string, apply func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	result, err := tx.ExecContext(ctx, `INSERT INTO inbox (delivery) VALUES ($1) ON CONFLICT DO NOTHING`, delivery)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err // without one: it was applied before
	}
	if err := apply(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// The recipes of docs/events.md are run as they stand there: an event whose apply
// fails leaves no trace, the next attempt has its effect, and further ones have none.

func TestInboxGo(t *testing.T) {
	source, err := os.ReadFile("docs_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), fence(t, "go inbox")) {
		t.Error("the recipe in docs/events.md is not the function receive of this file")
	}
	for name, open := range dialects {
		t.Run(name, func(t *testing.T) {
			db, _ := open(t)
			run(t, db, `CREATE TABLE effects (n INTEGER)`)
			fails := true
			for i := range 4 {
				err := receive(t.Context(), db, "d1", func(tx *sql.Tx) error {
					if _, err := tx.Exec(`INSERT INTO effects VALUES (1)`); err != nil || fails {
						return errBoom
					}
					return nil
				})
				if (err != nil) != (i == 0) {
					t.Errorf("attempt %d: %v", i, err)
				}
				fails = false
			}
			oneEffect(t, db)
		})
	}
}

func TestInboxPython(t *testing.T) {
	need(t, "Python 3", "python3", "-c", "import sqlite3; assert sqlite3.sqlite_version_info >= (3, 24)")
	script(t, "inbox.py", "import sqlite3, sys\n\n"+fence(t, "python inbox")+`
db = sqlite3.connect(sys.argv[1])
def effect(db): db.execute("INSERT INTO effects VALUES (1)")
def failing(db): effect(db); raise ValueError
try:
    receive(db, "d1", failing)
    sys.exit("the failure is lost")
except ValueError:
    pass
for _ in range(3):
    receive(db, "d1", effect)
`, "python3")
}

func TestInboxNode(t *testing.T) {
	need(t, "Node.js 22.13 or later", "node", "-e", "require('node:sqlite')")
	script(t, "inbox.js", fence(t, "js inbox")+`
const db = new (require('node:sqlite').DatabaseSync)(process.argv[2]);
const effect = (db) => db.exec('INSERT INTO effects VALUES (1)');
let failed = false;
try {
  receive(db, 'd1', (db) => { effect(db); throw new TypeError(); });
} catch (err) {
  failed = err instanceof TypeError;
}
if (!failed) throw new Error('the failure is lost');
for (let i = 0; i < 3; i++) receive(db, 'd1', effect);
`, "node")
}

// The recipe for pg, with a client that has pg's answers and keeps its rows in memory.
func TestInboxNodePostgres(t *testing.T) {
	need(t, "Node.js", "node", "-e", "")
	path := filepath.Join(t.TempDir(), "inbox.js")
	write := fence(t, "js inbox-pg") + `
const inbox = new Set(), said = [];
const client = {
  async query(text, values) {
    said.push(text.split(' ')[0]);
    if (!values) return {};
    const rowCount = inbox.has(values[0]) ? 0 : 1;
    inbox.add(values[0]);
    return { rowCount };
  },
};
let effects = 0;
(async () => {
  await receive(client, 'd1', async () => { throw new TypeError(); }).then(() => { throw new Error('the failure is lost'); }, () => {});
  inbox.clear(); // as the server does on ROLLBACK
  for (let i = 0; i < 3; i++) await receive(client, 'd1', async () => { effects++; });
  console.log(effects, said.join(' '));
})();
`
	if err := os.WriteFile(path, []byte(write), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("node", path).CombinedOutput()
	if want := "1 BEGIN INSERT ROLLBACK" + strings.Repeat(" BEGIN INSERT COMMIT", 3) + "\n"; err != nil || string(out) != want {
		t.Errorf("%v: %s, want %s", err, out, want)
	}
}

func TestInboxJava(t *testing.T) {
	const jar = "/usr/share/java/postgresql.jar"
	need(t, "a JDK of version 17 or later", "javac", "--release", "17", "--version")
	if _, err := os.Stat(jar); err != nil {
		t.Skip("skipped: the JDBC driver is not here; `apt-get install libpostgresql-jdbc-java` gets it")
	}
	s := pgtest.Shared(t)
	db, address := newPostgres(t)
	run(t, db, `CREATE TABLE effects (n INTEGER)`)
	dir := t.TempDir()
	source := "import java.sql.*;\n\nclass Inbox {\n" + fence(t, "java inbox") + `
    static void effect(Connection db) throws SQLException {
        try (var s = db.createStatement()) { s.execute("INSERT INTO effects VALUES (1)"); }
    }
    public static void main(String[] args) throws Exception {
        var db = DriverManager.getConnection(args[0], "app", "");
        try {
            receive(db, "d1", c -> { effect(c); throw new IllegalStateException(); });
            throw new Exception("the failure is lost");
        } catch (IllegalStateException expected) {}
        for (int i = 0; i < 3; i++) receive(db, "d1", Inbox::effect);
        db.close();
    }
}
`
	path := filepath.Join(dir, "Inbox.java")
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	// Java's driver has no Unix sockets.
	name := strings.TrimPrefix(address, "postgres://app@/")
	name, _, _ = strings.Cut(name, "?")
	port := s.Listen(t)
	out, err := exec.Command("java", "-cp", jar, path, fmt.Sprintf("jdbc:postgresql://127.0.0.1:%d/%s", port, name)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	oneEffect(t, db)
}

// The purge of the docs removes what is old and nothing else.
func TestInboxPurge(t *testing.T) {
	for name, open := range dialects {
		t.Run(name, func(t *testing.T) {
			db, _ := open(t)
			run(t, db, `INSERT INTO inbox (delivery, at) VALUES ('old', '2020-01-31 12:00:00')`)
			run(t, db, `INSERT INTO inbox (delivery) VALUES ('new')`)
			run(t, db, fence(t, "sql "+name+" purge"))
			var left string
			if err := db.QueryRow(`SELECT delivery FROM inbox`).Scan(&left); err != nil || left != "new" || count(t, db, "inbox") != 1 {
				t.Errorf("left is %s, %v", left, err)
			}
		})
	}
}

// need skips the test where a command fails.
func need(t *testing.T, what, name string, args ...string) {
	t.Helper()
	if err := exec.Command(name, args...).Run(); err != nil {
		t.Skip("skipped: " + what + " is not here; get it from your package manager")
	}
}

// script runs a program on an SQLite database, in which it has to have one effect.
func script(t *testing.T, name, text, command string) {
	t.Helper()
	path, _ := newSQLite(t, "WAL")
	db := openService(t, path, "WAL")
	run(t, db, `CREATE TABLE effects (n INTEGER)`)
	program := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(program, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(command, program, path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	oneEffect(t, db)
}

func oneEffect(t *testing.T, db *sql.DB) {
	t.Helper()
	if effects, deliveries := count(t, db, "effects"), count(t, db, "inbox"); effects != 1 || deliveries != 1 {
		t.Errorf("%d effects and %d deliveries", effects, deliveries)
	}
}
