package postgres

import (
	"maps"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/banyanrun/banyan/internal/fault"
)

func TestParse(t *testing.T) {
	for address, want := range map[string]string{
		"":                                      "does not begin with postgres://",
		"db.example:5432":                       "does not begin",
		"mysql://u@h/d":                         "does not begin",
		"postgres://db.example/":                "names no user",
		"postgres://u:hunter2@/":                "names no host",
		"postgres://u:hunter2%@h/":              "cannot be read",
		"postgres://u:hunter2@h:x/":             "cannot be read",
		"postgres://u:hunter2@h/?sslmode=wrong": "cannot be read",
	} {
		_, err := Parse(address)
		if fault.CodeOf(err) != fault.Invalid || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
}

// The address of a service's database has what is the server's, and nothing of the role that made it.
func TestAddress(t *testing.T) {
	for address, want := range map[string]Address{
		"postgres://admin:hunter2@db.example/": {
			URL: "postgres://shop_order:pw@db.example/shop_order", Host: "db.example", Port: "5432",
		},
		"postgresql://admin:hunter2@[::1]:6432/maintenance?sslmode=disable&connect_timeout=3&application_name=x": {
			URL: "postgres://shop_order:pw@[::1]:6432/shop_order?connect_timeout=3&sslmode=disable", Host: "::1", Port: "6432",
		},
		"postgres://admin@a.example,b.example/?target_session_attrs=read-write": {
			URL: "postgres://shop_order:pw@a.example,b.example/shop_order?target_session_attrs=read-write", Host: "a.example,b.example", Port: "5432,5432",
		},
		"postgres://admin@/?host=a,b&port=1,2": {URL: "postgres://shop_order:pw@/shop_order?host=a%2Cb&port=1%2C2", Host: "a,b", Port: "1,2"},
		"postgres://admin:hunter2@/postgres?host=/run/postgresql&password=hunter2": {
			URL: "postgres://shop_order:pw@/shop_order?host=%2Frun%2Fpostgresql", Host: "/run/postgresql", Port: "5432",
		},
	} {
		s, err := Parse(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		got := s.Address("shop_order", "pw")
		if got.URL != want.URL || got.Host != want.Host || got.Port != want.Port {
			t.Errorf("%s: %+v", address, got)
		}
		if _, err := pgx.ParseConfig(got.URL); err != nil {
			t.Errorf("%s: %v", got.URL, err)
		}
	}
}

func TestVariables(t *testing.T) {
	s, err := Parse("postgres://admin:hunter2@h:6432/x?sslmode=require")
	if err != nil {
		t.Fatal(err)
	}
	a := s.Address("shop_order", "pw")
	want := map[string]string{
		"DATABASE_URL": a.URL, "PGHOST": "h", "PGPORT": "6432", "PGDATABASE": "shop_order", "PGUSER": "shop_order", "PGPASSWORD": "pw", "PGSSLMODE": "require",
	}
	if got := a.Variables(); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Names fit, and differ where app or service does.
func TestName(t *testing.T) {
	long := strings.Repeat("a", 39)
	names := map[string]bool{}
	for _, pair := range [][2]string{
		{"shop", "order"}, {"shop", "order-api"}, {"shop-order", "api"}, {long, "b"}, {long, long}, {long, long[1:] + "b"}, {long[1:] + "b", long},
	} {
		name := Name(pair[0], pair[1])
		if len(name) > 63 || names[name] {
			t.Errorf("%v: %s, %d bytes", pair, name, len(name))
		}
		names[name] = true
	}
	if got := Name("shop", "order"); got != "shop_order" {
		t.Error(got)
	}
}
