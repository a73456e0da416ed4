// Package postgres makes databases on a PostgreSQL server (14 or later): each with
// a role of its own that owns it, and that alone may connect to it.
//
// What it promises: [Server.Provision] may be repeated and interrupted at any
// point; it never drops anything, never changes what it did not make, and never
// sends a password in the clear, so that none is in the server's log. Nothing of
// it runs in a database that it made, where the owner could have laid a trap.
//
// What it does not do: databases that it did not make keep the rights they have.
// On a server as it is installed, every role may connect to postgres and
// template1; Provision returns their names.
package postgres
