package e2e

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/banyanrun/banyan/internal/postgres/pgtest"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// postgresApp is an app with databases on a server where Banyan has the role e2e,
// which may make roles and databases and no more.
type postgresApp struct {
	*app
	server *pgtest.Server
}

// newPostgresApp makes one of a file in which =pg= is the server. Names of apps
// must differ: the server is the same.
func newPostgresApp(t *testing.T, file string) postgresApp {
	t.Helper()
	s := pgtest.Shared(t)
	a := postgresApp{newApp(t, "name: x"), s}
	a.admin(`DO $$ BEGIN CREATE ROLE e2e LOGIN PASSWORD 'right-password' CREATEROLE CREATEDB; EXCEPTION WHEN duplicate_object THEN NULL; END $$`)
	a.env = append(a.env, "E2E_PG=right-password")
	a.write("banyan.yaml", strings.ReplaceAll(file, "=pg=", "e2e:${secret.pg}@127.0.0.1:"+strconv.Itoa(s.Listen(t))))
	return a
}

const postgresServer = `
resources: {postgres: {url: "postgres://=pg=/postgres?sslmode=disable"}}
secrets: {pg: {environment: E2E_PG}}
`

// admin runs a statement as the server's superuser.
func (a postgresApp) admin(statement string) {
	a.t.Helper()
	a.in("postgres", statement)
}

func (a postgresApp) in(database, statement string) {
	a.t.Helper()
	ctx := context.Background()
	db, err := pgx.Connect(ctx, a.server.URL(database))
	if err == nil {
		_, err = db.Exec(ctx, statement)
		_ = db.Close(ctx)
	}
	if err != nil {
		a.t.Fatalf("%s: %v", statement, err)
	}
}

// sql is what a service answers to a query, in its own database or another.
func (a postgresApp) sql(service, query, database string) string {
	return a.url("/" + service + "/sql?" + url.Values{"q": {query}, "database": {database}}.Encode())
}

// answers fails the test unless a service's query gives want.
func (a postgresApp) answers(service, query, want string) {
	a.t.Helper()
	says(a.t, a.sql(service, query, ""), want)
}

// Each service has a database of its own, made when the app comes up; the server
// refuses each the others'. Nothing shows a password. Rows of an outbox are events.
func TestPostgres(t *testing.T) {
	a := newPostgresApp(t, `
name: pgshop
gateway: {listen: ":${port}", routes: [{path: /order, to: order}, {path: /stock, to: stock}]}
services:
	order:
		command: ${testapp}
		publishes: [order.placed]
		environment: {JDBC: "jdbc:postgresql://${database.host}:${database.port}/${database.name}"}
		database:
			engine: postgres
			outbox: true
			connections: 20
			migrate:
				- ${testapp}
				- sql
				- CREATE TABLE IF NOT EXISTS orders (id int)
				- >-
					CREATE TABLE IF NOT EXISTS outbox (n BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
					id TEXT NOT NULL UNIQUE DEFAULT gen_random_uuid()::text, topic TEXT NOT NULL, type TEXT, subject TEXT, data JSONB, attributes JSONB,
					created_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp())
				- CREATE INDEX IF NOT EXISTS outbox_topic ON outbox (topic, n)
	stock: {command: "${testapp}", database: {engine: postgres}}
	mail: {command: "${testapp}", subscribes: {order.placed: /note}}
`+postgresServer)
	up := a.up()
	a.answers("order", "SELECT current_database() || ' ' || current_user", "pgshop_order pgshop_order")
	a.answers("stock", "SELECT current_database() || ' ' || current_user", "pgshop_stock pgshop_stock")
	a.answers("order", "SELECT count(*) FROM orders", "0")
	if r := ask(t, "GET", a.sql("stock", "SELECT 1", "pgshop_order"), nil); r.status == 200 || !strings.Contains(string(r.body), "permission denied for database") {
		t.Errorf("stock in the database of order: %s", r)
	}
	for variable, want := range map[string]string{"PGDATABASE": "pgshop_order", "PGUSER": "pgshop_order", "PGHOST": "127.0.0.1", "DATABASE_PATH": ""} {
		says(t, a.url("/order/env?name="+variable), want)
	}
	if r := get(t, a.url("/order/env?name=JDBC")); !strings.HasPrefix(string(r.body), "jdbc:postgresql://127.0.0.1:") || !strings.HasSuffix(string(r.body), "/pgshop_order") {
		t.Errorf("JDBC is %s", r)
	}

	a.answers("order", "INSERT INTO outbox (topic, data) VALUES ('order.placed', '{\"id\": 7}') RETURNING 'kept'", "kept")
	a.waitForLine(t, "mail", `noted {"id": 7}`, 1)

	password := string(get(t, a.url("/order/env?name=PGPASSWORD")).body)
	get(t, a.url("/order/say?line=it-is-"+password+"-or-so"))
	a.waitForLine(t, "order", "-or-so", 1)
	a.unseen(up, password)
	a.must("down")
	a.up() // what was made is there still
	a.answers("order", "SELECT count(*) FROM orders", "0")
	says(t, a.url("/order/env?name=PGPASSWORD"), password)
}

// unseen fails the test if a password is shown, or kept where it should not be.
func (a postgresApp) unseen(up result, password string) {
	a.t.Helper()
	if len(password) < 32 {
		a.t.Fatalf("the password is %q", password)
	}
	shown := map[string]string{
		"up": up.String(), "ps": a.must("ps", "-i").out, "ps --json": a.must("ps", "--json").out, "secret ls": a.must("secret", "ls").out,
		"logs": a.must("logs").out, "the server's log": a.server.Log(a.t),
	}
	for _, p := range a.processes() {
		shown["argv of "+p.String()] = strings.Join(p.argv, " ")
	}
	for what, text := range shown {
		if strings.Contains(text, password) {
			a.t.Errorf("%s shows the password", what)
		}
	}
	for _, file := range a.filesWith(password) {
		if !strings.Contains(file, "/spool/") { // what a program itself writes is there as it wrote it, for a while
			a.t.Errorf("%s holds the password", file)
		}
	}
}

// A migration is run once for each revision, before any instance of it; one that
// fails keeps the revision before in place and says why. A daemon that dies in the
// middle loses neither the run nor what is known of runs before.
func TestPostgresMigrations(t *testing.T) {
	long(t)
	a := newPostgresApp(t, `
name: pgmigrate
gateway: {listen: ":${port}", routes: [{path: /order, to: order}]}
services:
	order:
		command: ${testapp}
		port: `+strconv.Itoa(freePort(t))+`
		environment: {VERSION: "1", START_DELAY: 300ms}
		database: {engine: postgres, migrate: ["${testapp}", sql, "CREATE TABLE IF NOT EXISTS runs (at timestamptz DEFAULT now())", "INSERT INTO runs DEFAULT VALUES", "SELECT 1"]}
`+postgresServer)
	a.up()
	const runs = "SELECT count(*) FROM runs"
	a.answers("order", runs, "1")
	a.up()
	a.kill9()
	a.settled(20 * time.Second)
	a.answers("order", runs, "1")

	a.edit(`"SELECT 1"`, `"SELECT broken"`)
	r := a.banyan("up", "-d")
	for _, want := range []string{"order.migrate", "exit code 1", `column "broken" does not exist`} {
		if r.code != 1 || !strings.Contains(r.err, want) {
			t.Fatalf("want exit code 1 and %q: %s", want, r)
		}
	}
	a.answers("order", runs, "2")
	if st := service(a.ps(), "order"); len(st.GetInstances()) != 1 || !strings.Contains(st.GetReason(), "could not be migrated") {
		t.Errorf("the revision before: %v", st)
	}

	a.edit(`"SELECT broken"`, `"SELECT pg_sleep(3)"`)
	up := make(chan result, 1)
	go func() { up <- a.banyan("up", "-d") }()
	a.when(20*time.Second, "the migration to run", func(st *banyanv1.Status) error {
		if s := service(st, "order.migrate"); s.GetState() != banyanv1.State_STATE_STARTING {
			return fmt.Errorf("it is %v", s)
		}
		return nil
	})
	a.kill9()
	<-up
	a.settled(30 * time.Second)
	a.when(30*time.Second, "the new revision", func(st *banyanv1.Status) error {
		if s := service(st, "order"); s.GetState() != banyanv1.State_STATE_READY || s.GetReason() != "" || len(s.GetInstances()) != 1 {
			return fmt.Errorf("it is %v", s)
		}
		return nil
	})
	a.answers("order", runs, "3") // the run was adopted
}

// kill9 kills the daemon, and has the next command start another.
func (a *app) kill9() {
	a.t.Helper()
	st := a.ps()
	if err := syscall.Kill(int(st.GetDaemon().GetPid()), syscall.SIGKILL); err != nil {
		a.t.Fatal(err)
	}
	await(a.t, 10*time.Second, "another daemon", func() error {
		if now := a.ps(); now.GetDaemon().GetPid() == st.GetDaemon().GetPid() {
			return fmt.Errorf("it is %v", now.GetDaemon())
		}
		return nil
	})
}

// What is wrong with the server is said, holds up nothing else, and is over when it is mended.
func TestPostgresTroubles(t *testing.T) {
	long(t)
	a := newPostgresApp(t, `
name: pgtrouble
gateway: {listen: ":${port}", routes: [{path: /order, to: order}, {path: /web, to: web}]}
services:
	order: {command: "${testapp}", database: {engine: postgres}}
	web: {command: "${testapp}"}
`+postgresServer)
	fails := func(want string) {
		t.Helper()
		if r := a.banyan("up", "-d"); r.code != 1 || !strings.Contains(r.err, want) {
			t.Errorf("want exit code 1 and %q: %s", want, r)
		}
		get(t, a.url("/web/"))
		if s := service(a.ps(), "order"); s.GetState() != banyanv1.State_STATE_WAITING || len(s.GetInstances()) != 0 {
			t.Errorf("order is %v", s)
		}
	}
	a.env = append(a.env, "E2E_PG=wrong-password")
	fails(`does not let the role "e2e" in`)
	a.env = append(a.env, "E2E_PG=right-password")
	a.admin("ALTER ROLE e2e NOCREATEDB")
	fails("ALTER ROLE \"e2e\" CREATEROLE CREATEDB")
	a.admin("ALTER ROLE e2e CREATEDB")
	a.inState(40*time.Second, "order", banyanv1.State_STATE_READY) // without another up
	a.answers("order", "SELECT current_database()", "pgtrouble_order")

	// The server is away, and a daemon that begins then does not mind.
	if err := a.server.Crash(); err != nil {
		t.Fatal(err)
	}
	a.kill9()
	a.must("restart", "order")
	if err := a.server.Start(); err != nil {
		t.Fatal(err)
	}
	a.answers("order", "SELECT current_database()", "pgtrouble_order")

	// Data outlives the service and the state directory.
	a.answers("order", "CREATE TABLE kept (n int)", "")
	a.must("down")
	if err := os.RemoveAll(a.layout.StateDir); err != nil {
		t.Fatal(err)
	}
	fails("COMMENT ON ROLE")
	a.must("down")
}
