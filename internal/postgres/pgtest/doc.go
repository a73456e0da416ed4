// Package pgtest gives tests a PostgreSQL server: one for each test binary, of
// the newest version that is installed, made when the first test asks for it. Only
// its socket leads to it, and [Server.Listen].
//
// The superuser "app" needs no password; all other roles do (SCRAM).
package pgtest
