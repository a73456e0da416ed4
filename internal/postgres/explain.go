package postgres

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/banyanrun/banyan/internal/fault"
)

// Conditions of a server's answers (PostgreSQL's appendix A).
const (
	invalidAuthorization  = "28000"
	invalidPassword       = "28P01"
	insufficientPrivilege = "42501"
	noSuchDatabase        = "3D000"
	readOnly              = "25006"
)

// explain says what to do about an error of the role that makes databases.
func (s *Server) explain(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok || err == nil {
		return err
	}
	who := pgx.Identifier{s.config.User}.Sanitize()
	switch condition(err) {
	case invalidPassword, invalidAuthorization:
		return fault.New(fault.Denied, "PostgreSQL at %s does not let the role %s in: %s", s.Where(), who, cause(err)).
			Fix("correct the user and password in resources.postgres.url")
	case insufficientPrivilege:
		return fault.New(fault.Denied, "the role %s may not make databases on PostgreSQL at %s: %s", who, s.Where(), cause(err)).
			Fix("run ALTER ROLE %s CREATEROLE CREATEDB there as a superuser", who)
	case noSuchDatabase:
		return fault.New(fault.Invalid, "PostgreSQL at %s: %s", s.Where(), cause(err)).
			Fix("end resources.postgres.url with a database that exists, such as /postgres")
	case readOnly:
		return fault.New(fault.Unavailable, "PostgreSQL at %s is a standby, where nothing can be made: %s", s.Where(), cause(err)).
			Fix("name the primary in resources.postgres.url")
	case "":
		return fault.New(fault.Unavailable, "PostgreSQL at %s cannot be reached: %s", s.Where(), cause(err)).
			Fix("start it, or correct resources.postgres.url")
	default:
		return fault.New(fault.Unavailable, "PostgreSQL at %s: %s", s.Where(), cause(err))
	}
}

// condition is the code of the server's answer; empty: it gave none.
func condition(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// cause is the one line of an error that says most.
func cause(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Message
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e.Err.Error()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "it does not answer in time"
	}
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
