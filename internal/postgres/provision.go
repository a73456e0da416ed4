package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/banyanrun/banyan/internal/fault"
)

// Want is a database that should be there, with the role that owns it.
type Want struct {
	// Name is that of both; see [Name].
	Name string
	// Password of the role, in ASCII.
	Password string
	// Connections bounds those of the role; 0: only the server's own limits do.
	Connections int
	// Mark says in one line for whom the role is made. It is kept in the role's
	// comment: a role with another mark is not touched.
	Mark string
}

// provisionMost bounds one Provision.
const provisionMost = 30 * time.Second

// Provision sees to it that a database is there as it is wanted, and returns the
// other databases that its role may connect to: Banyan did not make them, and
// leaves them as they are.
//
// The error's code is fault.Unavailable where trying again may help, fault.Denied
// where the server lacks a right, and fault.Conflict where the name is taken.
func (s *Server) Provision(ctx context.Context, w Want) (open []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, provisionMost)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, s.config)
	if err != nil {
		return nil, s.explain(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // the server finds out by itself
	p := &provision{Want: w, server: s, conn: conn, quoted: pgx.Identifier{w.Name}.Sanitize()}
	for _, step := range []func(context.Context) error{p.role, p.database, p.login} {
		if err := step(ctx); err != nil {
			return nil, s.explain(err)
		}
	}
	rows, err := conn.Query(ctx, `SELECT datname FROM pg_database
		WHERE datallowconn AND datname <> $1 AND has_database_privilege($1, oid, 'CONNECT') ORDER BY datname`, w.Name)
	if err != nil {
		return nil, s.explain(err)
	}
	open, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return open, s.explain(err)
}

type provision struct {
	Want
	server *Server
	conn   *pgx.Conn
	quoted string
}

// role makes the role, or looks whether it is ours and has no right too many.
func (p *provision) role(ctx context.Context) error {
	var mark string
	var limit int
	var more bool
	err := p.conn.QueryRow(ctx, `SELECT coalesce(shobj_description(oid, 'pg_authid'), ''), rolconnlimit,
		rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls FROM pg_roles WHERE rolname = $1`, p.Name).Scan(&mark, &limit, &more)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		err = p.makeRole(ctx)
	case err != nil:
	case mark != p.Mark:
		return fault.New(fault.Conflict, "the role %s on PostgreSQL at %s is not this app's: %s", p.quoted, p.server.Where(), describe(mark)).
			Fix("choose another name for the app; or, if it is this app's from before, run there: COMMENT ON ROLE %s IS %s", p.quoted, literal(p.Mark))
	case more:
		return fault.New(fault.Conflict, "the role %s on PostgreSQL at %s has more rights than a service's should", p.quoted, p.server.Where()).
			Fix("run ALTER ROLE %s NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS there", p.quoted)
	case limit != p.limit():
		err = p.run(ctx, "ALTER ROLE %s CONNECTION LIMIT %d", p.quoted, p.limit())
	}
	if err != nil {
		return err
	}
	var super bool
	if err := p.conn.QueryRow(ctx, `SELECT rolsuper FROM pg_roles WHERE rolname = current_user`).Scan(&super); err != nil || super {
		return err
	}
	// Only its members may give a role a database. Since PostgreSQL 16 who makes a
	// role is none by that alone.
	err = p.run(ctx, "GRANT %s TO CURRENT_USER", p.quoted)
	if condition(err) == insufficientPrivilege {
		who := pgx.Identifier{p.server.config.User}.Sanitize()
		return fault.New(fault.Denied, "the role %s on PostgreSQL at %s was not made by %s: %s", p.quoted, p.server.Where(), who, cause(err)).
			Fix("run GRANT %s TO %s WITH ADMIN OPTION there as a superuser", p.quoted, who)
	}
	return err
}

func describe(mark string) string {
	if mark == "" {
		return "it has no mark of Banyan's"
	}
	return "it is marked " + literal(mark)
}

func (p *provision) limit() int {
	if p.Connections == 0 {
		return -1
	}
	return p.Connections
}

func (p *provision) makeRole(ctx context.Context) error {
	secret, err := verifier(p.Password)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, p.conn, func(pgx.Tx) error {
		if err := p.run(ctx, "CREATE ROLE %s LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT %d PASSWORD %s",
			p.quoted, p.limit(), literal(secret)); err != nil {
			return err
		}
		return p.run(ctx, "COMMENT ON ROLE %s IS %s", p.quoted, literal(p.Mark))
	})
}

// database makes the database. Nobody can connect before everybody else is kept out.
func (p *provision) database(ctx context.Context) error {
	var owner string
	var allowed, public bool
	look := func() error {
		return p.conn.QueryRow(ctx, `SELECT pg_get_userbyid(datdba), datallowconn,
			has_database_privilege('public', oid, 'CONNECT') OR has_database_privilege('public', oid, 'TEMPORARY')
			FROM pg_database WHERE datname = $1`, p.Name).Scan(&owner, &allowed, &public)
	}
	err := look()
	if errors.Is(err, pgx.ErrNoRows) {
		if err = p.run(ctx, "CREATE DATABASE %s OWNER %s ALLOW_CONNECTIONS false", p.quoted, p.quoted); err == nil {
			err = look()
		}
	}
	if err != nil {
		return err
	}
	if owner != p.Name {
		return fault.New(fault.Conflict, "the database %s on PostgreSQL at %s belongs to the role %s", p.quoted, p.server.Where(), pgx.Identifier{owner}.Sanitize()).
			Fix("choose another name for the app; or, if it is this app's, run there: ALTER DATABASE %s OWNER TO %s", p.quoted, p.quoted)
	}
	if public {
		if err := p.run(ctx, "REVOKE ALL ON DATABASE %s FROM PUBLIC", p.quoted); err != nil {
			return err
		}
	}
	if !allowed {
		return p.run(ctx, "ALTER DATABASE %s ALLOW_CONNECTIONS true", p.quoted)
	}
	return nil
}

// login looks whether the role can log in, and gives it its password if it cannot.
func (p *provision) login(ctx context.Context) error {
	err := p.try(ctx)
	if condition(err) != invalidPassword {
		return err
	}
	secret, err := verifier(p.Password)
	if err != nil {
		return err
	}
	if err := p.run(ctx, "ALTER ROLE %s PASSWORD %s", p.quoted, literal(secret)); err != nil {
		return err
	}
	if err = p.try(ctx); condition(err) == invalidPassword {
		return p.refused(err)
	}
	return err
}

// tooManyConnections comes after the password was found to be right.
const tooManyConnections = "53300"

func (p *provision) try(ctx context.Context) error {
	address := p.server.Address(p.Name, p.Password)
	config, err := pgx.ParseConfig(address.URL)
	if err != nil {
		return err
	}
	config.ConnectTimeout = p.server.config.ConnectTimeout
	conn, err := pgx.ConnectConfig(ctx, config)
	switch code := condition(err); {
	case err == nil:
		return conn.Close(ctx)
	case code == tooManyConnections:
		return nil
	case code == invalidPassword || code == "":
		return err
	default:
		return p.refused(err)
	}
}

func (p *provision) refused(err error) error {
	return fault.New(fault.Denied, "PostgreSQL at %s does not let the role %s into its database: %s", p.server.Where(), p.quoted, cause(err)).
		Fix("look into the server's pg_hba.conf: it has to let roles in by scram-sha-256")
}

func (p *provision) run(ctx context.Context, format string, args ...any) error {
	_, err := p.conn.Exec(ctx, fmt.Sprintf(format, args...))
	return err
}

// literal quotes a text; backslashes mean themselves (standard_conforming_strings).
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
