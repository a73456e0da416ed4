// Package cli is the command line of Banyan: it finds the app file, starts or
// finds the app's daemon, and is a client of its control API like any other.
// Only cmd/banyan uses it.
//
// Exit codes: 0 done; 1 it failed, or something is not ready; 2 wrong usage or
// an invalid app file; 130 interrupted while waiting. `banyan up` in the
// foreground that Ctrl-C brought down cleanly ends with 0.
//
// What a person asked for goes to standard output, progress of a detached
// command and errors to standard error; an error is one line, "banyan: what; do
// this", and the details below it.
package cli
