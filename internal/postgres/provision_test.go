package postgres

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/postgres/pgtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	pgtest.Stop()
	os.Exit(code)
}

func connect(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func run(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func ask[T any](t *testing.T, conn *pgx.Conn, query string, args ...any) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// narrow makes a role with the given rights, and returns the server as it sees it.
func narrow(t *testing.T, name, rights string) *Server {
	t.Helper()
	s := pgtest.Shared(t)
	run(t, connect(t, s.URL("postgres")), fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD 'pw' %s", name, rights))
	server, err := Parse(fmt.Sprintf("postgres://%s:pw@127.0.0.1:%d/postgres", name, s.Listen(t)))
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func provisioned(t *testing.T, s *Server, w Want) Address {
	t.Helper()
	if _, err := s.Provision(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	return s.Address(w.Name, w.Password)
}

// Two services of an app, by a role that may make roles and databases and no more.
func TestProvision(t *testing.T) {
	s := narrow(t, "banyan", "CREATEROLE CREATEDB")
	orders := Want{Name: Name("shop", "order"), Password: "first-password", Mark: "m1", Connections: 3}
	stock := Want{Name: Name("shop", "stock"), Password: "other-password", Mark: "m2"}
	order := provisioned(t, s, orders)
	provisioned(t, s, stock)
	provisioned(t, s, orders) // again

	conn := connect(t, order.URL)
	run(t, conn, "CREATE TABLE t (n int); CREATE SCHEMA extra; CREATE TABLE extra.t (n int)")
	if owner := ask[string](t, conn, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"); owner != orders.Name {
		t.Errorf("the owner is %s", owner)
	}
	for _, statement := range []string{"CREATE ROLE x", "CREATE DATABASE x", "ALTER ROLE shop_stock PASSWORD 'x'", "DROP DATABASE shop_stock", "SET ROLE shop_stock", "SET ROLE banyan"} {
		if _, err := conn.Exec(t.Context(), statement); condition(err) != insufficientPrivilege && !strings.Contains(fmt.Sprint(err), "must be owner") {
			t.Errorf("%s: %v", statement, err)
		}
	}
	_, err := pgx.Connect(t.Context(), s.Address(stock.Name, orders.Password).URL)
	if condition(err) != invalidPassword {
		t.Errorf("with a password that is another's: %v", err)
	}
	_, err = pgx.Connect(t.Context(), strings.TrimSuffix(order.URL, "order")+"stock")
	if condition(err) != insufficientPrivilege || !strings.Contains(err.Error(), "permission denied for database") {
		t.Errorf("into another's database: %v", err)
	}
	if limit := ask[int](t, conn, "SELECT rolconnlimit FROM pg_roles WHERE rolname = $1", orders.Name); limit != 3 {
		t.Errorf("the limit is %d", limit)
	}
	log := pgtest.Shared(t).Log(t)
	if !strings.Contains(log, `CREATE ROLE "shop_order"`) || strings.Contains(log, orders.Password) {
		t.Error("the server's log has a password, or not what was done")
	}
}

// What others may is told, and their databases are left alone.
func TestProvisionTellsWhatIsOpen(t *testing.T) {
	s := narrow(t, "teller", "CREATEROLE CREATEDB")
	open, err := s.Provision(t.Context(), Want{Name: "told_a", Password: "p", Mark: "m"})
	if err != nil || !strings.Contains(strings.Join(open, " "), "postgres template1") {
		t.Errorf("open are %v, error %v", open, err)
	}
}

// A provision that was interrupted, and what was changed since, is made good;
// data stays.
func TestProvisionRepairs(t *testing.T) {
	s := narrow(t, "repairer", "CREATEROLE CREATEDB")
	w := Want{Name: "repaired_a", Password: "first", Mark: "m"}
	admin := connect(t, pgtest.Shared(t).URL("postgres"))
	t.Run("after the role", func(t *testing.T) {
		provisioned(t, s, w)
		run(t, admin, "DROP DATABASE repaired_a")
		provisioned(t, s, w)
	})
	t.Run("after the database", func(t *testing.T) {
		run(t, connect(t, s.Address(w.Name, w.Password).URL), "CREATE TABLE kept ()")
		run(t, admin, "ALTER DATABASE repaired_a ALLOW_CONNECTIONS false")
		run(t, admin, "GRANT CONNECT ON DATABASE repaired_a TO PUBLIC")
		provisioned(t, s, w)
		if ask[bool](t, admin, "SELECT has_database_privilege('public', 'repaired_a', 'CONNECT')") {
			t.Error("everybody may connect")
		}
	})
	t.Run("another password and limit", func(t *testing.T) {
		w.Password, w.Connections = "second", 7
		conn := connect(t, provisioned(t, s, w).URL)
		if n := ask[int](t, conn, "SELECT count(*) FROM pg_tables WHERE tablename = 'kept'"); n != 1 {
			t.Error("data is lost")
		}
		if limit := ask[int](t, admin, "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'repaired_a'"); limit != 7 {
			t.Errorf("the limit is %d", limit)
		}
	})
}

// Names that are taken are not taken over.
func TestProvisionConflicts(t *testing.T) {
	s := narrow(t, "conflicted", "CREATEROLE CREATEDB")
	admin := connect(t, pgtest.Shared(t).URL("postgres"))
	provisioned(t, s, Want{Name: "c_mine", Password: "first", Mark: "it's mine"})
	run(t, admin, "CREATE ROLE c_plain LOGIN")
	run(t, admin, "CREATE DATABASE c_database")
	provisioned(t, s, Want{Name: "c_strong", Password: "p", Mark: "m"})
	run(t, admin, "ALTER ROLE c_strong CREATEDB")
	for _, c := range []struct{ name, want, fix string }{
		{"c_mine", "is marked 'it''s mine'", "COMMENT ON ROLE \"c_mine\" IS 'm'"},
		{"c_plain", "no mark", "COMMENT ON ROLE"},
		{"c_database", "belongs to the role \"app\"", "ALTER DATABASE"},
		{"c_strong", "more rights", "NOCREATEDB"},
	} {
		_, err := s.Provision(t.Context(), Want{Name: c.name, Password: "second", Mark: "m"})
		if fault.CodeOf(err) != fault.Conflict || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.fix) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	connect(t, s.Address("c_mine", "first").URL) // its password is what it was
}

// Since PostgreSQL 16 a role is its maker's: another that makes roles needs a grant.
func TestProvisionAfterAnother(t *testing.T) {
	first, second := narrow(t, "first_maker", "CREATEROLE CREATEDB"), narrow(t, "second_maker", "CREATEROLE CREATEDB")
	w := Want{Name: "handed_over", Password: "p", Mark: "m"}
	provisioned(t, first, w)
	admin := connect(t, pgtest.Shared(t).URL("postgres"))
	if ask[bool](t, admin, "SELECT current_setting('server_version_num')::int >= 160000") {
		_, err := second.Provision(t.Context(), w)
		_, statement, _ := strings.Cut(fmt.Sprint(err), "run GRANT")
		statement, _, ok := strings.Cut(statement, " there as")
		if fault.CodeOf(err) != fault.Denied || !ok {
			t.Fatal(err)
		}
		run(t, admin, "GRANT"+statement)
	}
	provisioned(t, second, w)
}

// Each thing that can be wrong with the server has a message of its own.
func TestProvisionTroubles(t *testing.T) {
	good := narrow(t, "troubled", "CREATEROLE CREATEDB")
	weak := narrow(t, "weak", "CREATEROLE")
	address := good.config.ConnString()
	for name, c := range map[string]struct {
		address, want string
		code          fault.Code
	}{
		"password":    {strings.Replace(address, ":pw@", ":no@", 1), `does not let the role "troubled" in: password authentication failed`, fault.Denied},
		"no database": {strings.Replace(address, "/postgres", "/nope", 1), `database "nope" does not exist`, fault.Invalid},
		"no right":    {weak.config.ConnString(), `may not make databases`, fault.Denied},
		"nobody":      {"postgres://a:pw@127.0.0.1:1/postgres", "cannot be reached: connect: connection refused", fault.Unavailable},
	} {
		s, err := Parse(address)
		if c.address != "" {
			s, err = Parse(c.address)
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Provision(t.Context(), Want{Name: "troubled_db", Password: "p", Mark: "m"})
		if fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), ":no") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
