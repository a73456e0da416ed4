package appfile

import (
	"fmt"
	"net/url"
	"strings"
)

// database checks a service's database.
func (v *validator) database(p program) {
	d := p.database
	if d == nil {
		return
	}
	at := join(p.path, "database")
	if d.Engine != EnginePostgres {
		if d.Connections != 0 && (d.Engine == "" || d.Engine == EngineSQLite) {
			v.report(join(at, "connections"), "connections bounds those of a PostgreSQL role, and an SQLite file has none", "remove it, or write engine: postgres")
		}
		return
	}
	if r := v.app.Resources; (r == nil || r.Postgres == nil) && !v.isBad("resources") {
		v.report(join(at, "engine"), fmt.Sprintf("service %s has a PostgreSQL database, and the app names no server for it", p.name),
			"write resources: {postgres: {url: ${secret.PG_URL}}} and secrets: {PG_URL: {}} at the top of the file")
	}
}

// databaseRef returns what is wrong with ${database.…}, or "".
func (v *validator) databaseRef(s refScope, r Ref) (message, fix string) {
	switch {
	case s.database == nil && s.isJob:
		return fmt.Sprintf("%s has no database: only services have one", s.subject), "remove it"
	case s.database == nil:
		return fmt.Sprintf("%s has no database", s.subject), "add database: {} to the service"
	case s.database.Engine == EnginePostgres && r.Attr == "path":
		return "a PostgreSQL database has no path", "write ${database.url}"
	case s.database.Engine != EnginePostgres && r.Attr != "path" && r.Attr != "url":
		return "an SQLite database has no " + r.Attr, "write ${database.path} or ${database.url}"
	case s.database.Engine == EnginePostgres && s.key != "environment" && (r.Attr == "url" || r.Attr == "password"):
		return fmt.Sprintf("the database's password in %s could be read by every user of the machine", s.key),
			"the program finds it in its environment: in DATABASE_URL, and in PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE"
	}
	return "", ""
}

// resources checks the servers that the app uses.
func (v *validator) resources() {
	if v.app.Resources == nil || v.app.Resources.Postgres == nil {
		return
	}
	at, text := join("resources", "postgres", "url"), v.app.Resources.Postgres.URL
	if text == "" || v.isBad(at) {
		return // reported
	}
	if !v.serverURL(at, text, serverAddress{of: "the url of postgres", example: "PG_PASSWORD"}) {
		return
	}
	if refs := Refs(text); len(refs) == 1 && refs[0].String() == text {
		return // what it holds is known later
	}
	const fix = "write postgres://USER:${secret.PG_PASSWORD}@HOST:5432/postgres, or ${secret.PG_URL} for all of it"
	u, err := url.Parse(aReference().ReplaceAllString(text, "x"))
	switch {
	case err != nil:
		v.report(at, fmt.Sprintf("%s is no address of a PostgreSQL server", quote(text)), fix)
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		v.report(at, "the url of postgres does not begin with postgres://", fix)
	case u.User.Username() == "":
		v.report(at, "the url of postgres does not say as which user databases are made", fix)
	case u.Query().Get("password") != "" && !strings.Contains(text, "password=${secret."):
		v.report(at, "the password in url can be read by everybody who reads this file", fix)
	}
}

// aReference is ${…}.
var aReference = pattern(`\$\{[^}]*\}`)
