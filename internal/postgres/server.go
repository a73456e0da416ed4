package postgres

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/banyanrun/banyan/internal/fault"
)

// Server is a PostgreSQL server, and a role that may make roles and databases
// there. It is safe for concurrent use.
type Server struct {
	config     *pgx.ConnConfig
	host       string // hosts with their ports, as in the URL
	parameters url.Values
}

// passedOn are the parameters of the server's URL that hold for everybody.
// Those of one role, such as its certificate, do not.
var passedOn = []string{
	"host", "port", "sslmode", "sslrootcert", "sslnegotiation", "channel_binding", "gssencmode", "target_session_attrs", "connect_timeout",
}

// connectMost bounds a connection attempt where the URL does not.
const connectMost = 5 * time.Second

// Parse reads a server's address: postgres://USER:PASSWORD@HOST:5432/DATABASE,
// with libpq's parameters. The database is where Provision works; postgres where
// none is named. Errors are fault.Invalid and do not show the address.
func Parse(address string) (*Server, error) {
	invalid := func(why string) error {
		return fault.New(fault.Invalid, "the address of the PostgreSQL server %s", why).
			At("resources.postgres.url").Fix("write postgres://USER:PASSWORD@HOST:5432/postgres")
	}
	u, err := url.Parse(strings.TrimSpace(address))
	switch {
	case err != nil:
		return nil, invalid("cannot be read") // err shows it
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		return nil, invalid("does not begin with postgres://")
	case u.User.Username() == "":
		return nil, invalid("names no user")
	case u.Host == "" && u.Query().Get("host") == "":
		return nil, invalid("names no host")
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/postgres"
	}
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, invalid("cannot be read: " + cause(err))
	}
	config.RuntimeParams["application_name"] = "banyan"
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, connectMost)
	s := &Server{config: config, host: u.Host, parameters: url.Values{}}
	for _, name := range passedOn {
		if value := u.Query().Get(name); value != "" {
			s.parameters.Set(name, value)
		}
	}
	return s, nil
}

// Where is the server's place for messages, without credentials.
func (s *Server) Where() string { return cmp.Or(s.host, s.parameters.Get("host")) }

// Password is that of the role that makes databases; empty: it has none.
func (s *Server) Password() string { return s.config.Password }

// nameMost is how long a name may be, in bytes (NAMEDATALEN-1).
const nameMost = 63

// Name is what a service's database and role are called. Names of apps and
// services hold no _, so that no two pairs have one name.
func Name(app, service string) string {
	name := app + "_" + service
	if len(name) <= nameMost {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	end := "_" + hex.EncodeToString(sum[:8])
	return name[:nameMost-len(end)] + end
}

// Address is how the owner of a database reaches it.
type Address struct {
	URL string
	// Host and Port are lists with commas where the server has several.
	Host, Port string
	// Name is that of the database and of the role.
	Name, Password string
	parameters     url.Values
}

// Address is that of the database with a name, and its role's password.
func (s *Server) Address(name, password string) Address {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(name, password), Host: s.host, Path: "/" + name, RawQuery: s.parameters.Encode()}
	a := Address{URL: u.String(), Name: name, Password: password, parameters: s.parameters}
	var hosts, ports []string
	for at := range strings.SplitSeq(s.host, ",") {
		one := url.URL{Host: at}
		hosts, ports = append(hosts, one.Hostname()), append(ports, cmp.Or(one.Port(), "5432"))
	}
	a.Host = cmp.Or(s.parameters.Get("host"), strings.Join(hosts, ","))
	a.Port = cmp.Or(s.parameters.Get("port"), strings.Join(ports, ","))
	return a
}

// Variables are DATABASE_URL and what libpq, and so psql, reads by itself.
func (a *Address) Variables() map[string]string {
	vars := map[string]string{
		"DATABASE_URL": a.URL, "PGHOST": a.Host, "PGPORT": a.Port, "PGDATABASE": a.Name, "PGUSER": a.Name, "PGPASSWORD": a.Password,
	}
	for parameter, variable := range map[string]string{
		"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "channel_binding": "PGCHANNELBINDING", "target_session_attrs": "PGTARGETSESSIONATTRS",
	} {
		if value := a.parameters.Get(parameter); value != "" {
			vars[variable] = value
		}
	}
	return vars
}
