package daemon

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/postgres"
	"github.com/banyanrun/banyan/internal/postgres/pgtest"
	"github.com/banyanrun/banyan/internal/reconcile"
)

func TestMain(m *testing.M) {
	code := m.Run()
	pgtest.Stop()
	os.Exit(code)
}

// postgresApp is an app file whose server is at the address.
const postgresApp = `
name: %s
services:
  order: {command: ./order, database: {engine: postgres, migrate: ./order migrate}}
  stock: {command: ./stock, database: {migrate: "./stock migrate"}}
resources: {postgres: {url: "${secret.pg}"}}
secrets: {pg: {environment: PG_URL}}
`

// serverAt makes a role that may make databases, and returns its address of the server.
func serverAt(t *testing.T, role string) string {
	t.Helper()
	s := pgtest.Shared(t)
	admin, err := pgx.Connect(t.Context(), s.URL("postgres"))
	if err == nil {
		_, err = admin.Exec(t.Context(), "CREATE ROLE "+role+" LOGIN PASSWORD 'pw' CREATEROLE CREATEDB")
		_ = admin.Close(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("postgres://%s:pw@127.0.0.1:%d", role, s.Listen(t))
}

// needs are what the loop knows of.
func (d *testDaemon) needs(t *testing.T) map[string]model.Need {
	t.Helper()
	needs := map[string]model.Need{}
	err := d.loop.Read(t.Context(), func(_ reconcile.Desired, obs *model.Observed, _ reconcile.Plan) {
		maps.Copy(needs, obs.Needs)
	})
	if err != nil {
		t.Fatal(err)
	}
	return needs
}

func (d *testDaemon) until(t *testing.T, what string, holds func(map[string]model.Need) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !holds(d.needs(t)) {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, d.needs(t))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// A service waits for its database until it is there, and never again after that.
func TestDatabaseIsMadeBeforeItsService(t *testing.T) {
	d := newTestDaemon(t)
	d.write(t, fmt.Sprintf(postgresApp, "waiting"))
	if err := d.up(map[string]string{"PG_URL": "postgres://nobody:pw@127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	d.until(t, "a server that is away", func(n map[string]model.Need) bool {
		return len(n) == 1 && n["order"].Failed && strings.Contains(n["order"].Reason, "connection refused")
	})
	if err := d.up(map[string]string{"PG_URL": serverAt(t, "waiting")}); err != nil {
		t.Fatal(err)
	}
	d.until(t, "a server that is there", func(n map[string]model.Need) bool { return len(n) == 0 })
	address, err := d.databases.address(d.current().app, "order")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), address.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(t.Context())

	// Another daemon knows it by what is kept.
	again, err := openDatabases(t.Context(), d.store, d.secrets, d.log)
	if err != nil {
		t.Fatal(err)
	}
	if n := again.needs(d.current().app); len(n) != 0 || again.mark != d.databases.mark {
		t.Errorf("the next daemon needs %v", n)
	}
	other := *d.current().app
	other.Name = "another"
	if n := again.needs(&other); len(n) != 1 || n["order"].Failed {
		t.Errorf("under another name it needs %v", n)
	}
}

// Banyan's own database is like a service's, and nobody's.
func TestPlatformDatabase(t *testing.T) {
	d := newTestDaemon(t)
	d.write(t, strings.ReplaceAll(fmt.Sprintf(postgresApp, "platform"), "engine: postgres, ", ""))
	if err := d.up(map[string]string{"PG_URL": "postgres://nobody:pw@127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.databases.platform(t.Context(), d.current().app); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("a server that is away: %v", err)
	}
	if err := d.up(map[string]string{"PG_URL": serverAt(t, "platform")}); err != nil {
		t.Fatal(err)
	}
	first, err := d.databases.platform(t.Context(), d.current().app)
	if err != nil {
		t.Fatal(err)
	}
	second, err := d.databases.platform(t.Context(), d.current().app)
	if err != nil || first != second || !strings.Contains(first, "/"+postgres.Name("platform", "banyan")) {
		t.Errorf("%s, then %s, %v", first, second, err)
	}
	conn, err := pgx.Connect(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "CREATE TABLE t ()"); err != nil {
		t.Error(err)
	}
}

// A migration has all that its service has but a port, and becomes a new revision with it.
func TestMigrationFollowsItsService(t *testing.T) {
	d := newTestDaemon(t)
	d.write(t, fmt.Sprintf(postgresApp, "following"))
	hashes := func(variables map[string]string) (service, job string) {
		t.Helper()
		if err := d.up(variables); err != nil {
			t.Fatal(err)
		}
		app := d.current().app
		return app.Services["order"].ConfigHash, app.Services["order.migrate"].ConfigHash
	}
	service, job := hashes(map[string]string{"PG_URL": "postgres://nobody:pw@127.0.0.1:1"})
	if s, j := hashes(map[string]string{"PG_URL": "postgres://somebody:else@127.0.0.1:1"}); s != service || j != job {
		t.Error("who makes databases is a part of the revision")
	}
	s2, j2 := hashes(map[string]string{"PG_URL": "postgres://nobody:pw@127.0.0.1:2"})
	if s2 == service || j2 == job {
		t.Error("the place of the database is no part of the revision")
	}
	if err := d.Restart(t.Context(), "order"); err != nil {
		t.Fatal(err)
	}
	app := d.current().app
	if app.Services["order"].ConfigHash == s2 || app.Services["order.migrate"].ConfigHash == j2 {
		t.Error("a restart is no new revision")
	}

	for name, want := range map[string]string{"order.migrate": "PGUSER=following_order", "stock.migrate": "DATABASE_PATH=/data/stock/stock.db"} {
		s := app.Services[name]
		e := &surroundings{
			app: app, service: s, instance: model.Instance{ID: name + "-1"}, dataDir: "/data/stock", secret: d.secrets.get, token: d.secrets.token,
			database: d.databases.address,
		}
		env, err := e.environment()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(env, want) || !slices.Contains(env, "BANYAN_SERVICE="+s.Of) {
			t.Errorf("%s lacks %s: %q", name, want, env)
		}
	}
}

// What a failed migration needs may be mended elsewhere: the next up runs it again.
func TestRetryMigrations(t *testing.T) {
	app := &model.App{Services: map[string]*model.Service{
		"a.migrate": {Of: "a"}, "b.migrate": {Of: "b"}, "c": {Job: &model.Job{}},
	}}
	obs := &model.Observed{RunNow: map[string]bool{}, Instances: map[string]*model.Instance{
		"1": {Service: "a.migrate", Phase: model.Failed}, "2": {Service: "b.migrate", Phase: model.Completed}, "3": {Service: "c", Phase: model.Failed},
	}}
	retryMigrations(app, obs)
	if len(obs.RunNow) != 1 || !obs.RunNow["a.migrate"] {
		t.Errorf("%v", obs.RunNow)
	}
}

// The relay's connection comes on top of the service's own.
func TestConnectionsOfAnOutbox(t *testing.T) {
	d := newTestDaemon(t)
	app := &model.App{Name: "x", Resources: &appfile.AppResources{Postgres: &appfile.Postgres{URL: "postgres://u:pw@h"}}}
	for _, c := range []struct {
		outbox            bool
		connections, want int
	}{{false, 0, 0}, {true, 0, 0}, {false, 5, 5}, {true, 5, 6}} {
		w, err := d.databases.ofService(app, &model.Service{Name: "a", Spec: &appfile.Service{Database: &appfile.Database{
			Engine: appfile.EnginePostgres, Outbox: c.outbox, Connections: c.connections,
		}}})
		if err != nil || w.want.Connections != c.want {
			t.Errorf("%+v: %+v, %v", c, w, err)
		}
	}
}
