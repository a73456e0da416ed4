package barrier_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/banyanrun/banyan/internal/postgres/pgtest"
)

func TestPython(t *testing.T) {
	need(t, "Python 3", "python3", "-c", "import sqlite3; assert sqlite3.sqlite_version_info >= (3, 24)")
	script(t, "barrier.py", "import sqlite3, sys\n\n"+fence(t, "python barrier")+`
db = sqlite3.connect(sys.argv[1])

def insert(n, answer):
    def work(db):
        db.execute("INSERT INTO effects VALUES (?)", (n,))
        return answer
    return work

def failing(db):
    db.execute("INSERT INTO effects VALUES (100)")
    raise ValueError

def fails(key, work, kind):
    try:
        once(db, key, work)
    except kind:
        return
    sys.exit(key + " should fail")

def gives(key, work, want):
    got = once(db, key, work)
    assert got == want, (key, got, want)

fails("s1/charge/do", failing, ValueError)
gives("s1/charge/do", insert(1, '{"id":7}'), '{"id":7}')
gives("s1/charge/do", insert(1, '{"id":8}'), '{"id":7}')
fails("s1/charge/undo", failing, ValueError)
gives("s1/charge/undo", insert(-1, '"ok"'), '"ok"')
gives("s1/charge/undo", insert(-1, '"again"'), '"ok"')
gives("s1/charge/do", insert(1, '{"id":9}'), '{"id":7}')
gives("s2/charge/undo", insert(-1, '"ok"'), "null")
gives("s2/charge/undo", insert(-1, '"ok"'), "null")
fails("s2/charge/do", insert(1, '{"id":10}'), TooLate)
gives("s3/charge/do", insert(1, '{"id":11}'), '{"id":11}')
`, "python3")
}

// nodeStory is the story, told to the recipe for SQLite.
const nodeStory = `
const insert = (n, answer) => (db) => { db.prepare('INSERT INTO effects VALUES (?)').run(n); return answer; };
const failing = (db) => { db.prepare('INSERT INTO effects VALUES (?)').run(100); throw new TypeError(); };
function fails(key, work, kind) {
  try {
    once(db, key, work);
  } catch (err) {
    if (err instanceof kind) return;
    throw err;
  }
  throw new Error(key + ' should fail');
}
function gives(key, work, want) {
  const got = once(db, key, work);
  if (got !== want) throw new Error(key + ': ' + got + ', want ' + want);
}
fails('s1/charge/do', failing, TypeError);
gives('s1/charge/do', insert(1, '{"id":7}'), '{"id":7}');
gives('s1/charge/do', insert(1, '{"id":8}'), '{"id":7}');
fails('s1/charge/undo', failing, TypeError);
gives('s1/charge/undo', insert(-1, '"ok"'), '"ok"');
gives('s1/charge/undo', insert(-1, '"again"'), '"ok"');
gives('s1/charge/do', insert(1, '{"id":9}'), '{"id":7}');
gives('s2/charge/undo', insert(-1, '"ok"'), 'null');
gives('s2/charge/undo', insert(-1, '"ok"'), 'null');
fails('s2/charge/do', insert(1, '{"id":10}'), TooLate);
gives('s3/charge/do', insert(1, '{"id":11}'), '{"id":11}');
`

func TestNode(t *testing.T) {
	need(t, "Node.js 22.13 or later", "node", "-e", "require('node:sqlite')")
	script(t, "barrier.js", fence(t, "js barrier")+"const db = new (require('node:sqlite').DatabaseSync)(process.argv[2]);"+nodeStory, "node")
}

// The same recipe with a database that keeps its rows in memory, for Node.js without SQLite.
func TestNodeWithoutSQLite(t *testing.T) {
	nodeInMemory(t, fence(t, "js barrier")+`
let rows = new Map(), kept = rows, effects = 0, before = 0;
const db = {
  exec(text) {
    if (text.startsWith('BEGIN')) { kept = new Map(rows); before = effects; }
    if (text === 'ROLLBACK') { rows = kept; effects = before; }
  },
  prepare: (text) => ({
    run(a, b) {
      if (text.startsWith('UPDATE')) return rows.set(b, a);
      if (text.includes('effects')) { effects += a; return {}; }
      if (rows.has(a)) return { changes: 0 };
      rows.set(a, null);
      return { changes: 1 };
    },
    get: (key) => ({ answer: rows.get(key) }),
  }),
};
`+nodeStory+`console.log(effects, rows.size);`)
}

// nodeInMemory runs a program that tells the story and what it leaves.
func nodeInMemory(t *testing.T, program string) {
	t.Helper()
	need(t, "Node.js", "node", "-e", "")
	path := filepath.Join(t.TempDir(), "barrier.js")
	if err := os.WriteFile(path, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("node", path).CombinedOutput()
	if want := "1 5\n"; err != nil || string(out) != want {
		t.Errorf("%v: %s, want %s", err, out, want)
	}
}

// The recipe for pg, with a client that has pg's answers and keeps its rows in memory.
func TestNodePostgres(t *testing.T) {
	nodeInMemory(t, fence(t, "js barrier-pg")+`
let rows = new Map(), kept = rows, effects = 0, before = 0;
const client = {
  async query(text, values = []) {
    switch (text.split(' ')[0]) {
      case 'BEGIN': kept = new Map(rows); before = effects; return {};
      case 'ROLLBACK': rows = kept; effects = before; return {};
      case 'INSERT': if (rows.has(values[0])) return { rowCount: 0 }; rows.set(values[0], null); return { rowCount: 1 };
      case 'SELECT': return { rows: [{ answer: rows.get(values[0]) }] };
      case 'UPDATE': rows.set(values[1], values[0]); return { rowCount: 1 };
    }
    return {};
  },
};
const insert = (n, answer) => async () => { effects += n; return answer; };
const failing = async () => { effects += 100; throw new TypeError(); };
async function fails(key, work, kind) {
  await once(client, key, work).then(() => { throw new Error(key + ' should fail'); }, (err) => { if (!(err instanceof kind)) throw err; });
}
async function gives(key, work, want) {
  const got = await once(client, key, work);
  if (got !== want) throw new Error(key + ': ' + got + ', want ' + want);
}
(async () => {
  await fails('s1/charge/do', failing, TypeError);
  await gives('s1/charge/do', insert(1, '{"id":7}'), '{"id":7}');
  await gives('s1/charge/do', insert(1, '{"id":8}'), '{"id":7}');
  await fails('s1/charge/undo', failing, TypeError);
  await gives('s1/charge/undo', insert(-1, '"ok"'), '"ok"');
  await gives('s1/charge/undo', insert(-1, '"again"'), '"ok"');
  await gives('s1/charge/do', insert(1, '{"id":9}'), '{"id":7}');
  await gives('s2/charge/undo', insert(-1, '"ok"'), 'null');
  await gives('s2/charge/undo', insert(-1, '"ok"'), 'null');
  await fails('s2/charge/do', insert(1, '{"id":10}'), TooLate);
  await gives('s3/charge/do', insert(1, '{"id":11}'), '{"id":11}');
  console.log(effects, rows.size);
})();
`)
}

func TestJava(t *testing.T) {
	const jar = "/usr/share/java/postgresql.jar"
	need(t, "a JDK of version 17 or later", "javac", "--release", "17", "--version")
	if _, err := os.Stat(jar); err != nil {
		t.Skip("skipped: the JDBC driver is not here; `apt-get install libpostgresql-jdbc-java` gets it")
	}
	s := pgtest.Shared(t)
	db, name := newPostgres(t)
	program := "import java.sql.*;\n\nclass Barrier {\n" + fence(t, "java barrier") + `
    static Connection db;

    static Work insert(int n, String answer) {
        return db -> {
            try (var s = db.createStatement()) { s.execute("INSERT INTO effects VALUES (" + n + ")"); }
            return answer;
        };
    }
    static String failing(Connection db) throws SQLException {
        insert(100, "").in(db);
        throw new IllegalStateException();
    }
    static void fails(String key, Work work, Class<?> kind) throws Exception {
        try {
            once(db, key, work);
        } catch (RuntimeException e) {
            if (kind.isInstance(e)) return;
            throw e;
        }
        throw new Exception(key + " should fail");
    }
    static void gives(String key, Work work, String want) throws Exception {
        String got = once(db, key, work);
        if (!want.equals(got)) throw new Exception(key + ": " + got + ", want " + want);
    }
    public static void main(String[] args) throws Exception {
        db = DriverManager.getConnection(args[0], "app", "");
        fails("s1/charge/do", Barrier::failing, IllegalStateException.class);
        gives("s1/charge/do", insert(1, "{\"id\":7}"), "{\"id\":7}");
        gives("s1/charge/do", insert(1, "{\"id\":8}"), "{\"id\":7}");
        fails("s1/charge/undo", Barrier::failing, IllegalStateException.class);
        gives("s1/charge/undo", insert(-1, "\"ok\""), "\"ok\"");
        gives("s1/charge/undo", insert(-1, "\"again\""), "\"ok\"");
        gives("s1/charge/do", insert(1, "{\"id\":9}"), "{\"id\":7}");
        gives("s2/charge/undo", insert(-1, "\"ok\""), "null");
        gives("s2/charge/undo", insert(-1, "\"ok\""), "null");
        fails("s2/charge/do", insert(1, "{\"id\":10}"), TooLate.class);
        gives("s3/charge/do", insert(1, "{\"id\":11}"), "{\"id\":11}");
        db.close();
    }
}
`
	path := filepath.Join(t.TempDir(), "Barrier.java")
	if err := os.WriteFile(path, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	// Java's driver has no Unix sockets.
	out, err := exec.Command("java", "-cp", jar, path, fmt.Sprintf("jdbc:postgresql://127.0.0.1:%d/%s", s.Listen(t), name)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	story(t, db)
}
