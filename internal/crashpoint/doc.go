// Package crashpoint kills the process at places that have a name, as a machine
// that stops there would, so that tests see what a crash right there leaves behind.
//
// It is in every build: what is tested is what is shipped. A place costs one atomic
// load while no variable arms it. The daemon alone reads the variable:
//
//	BANYAN_CRASH=journal.synced      dies when it comes there
//	BANYAN_CRASH=journal.synced:3    dies when it comes there the third time
//	BANYAN_CRASH=/tmp/crashes        takes the first line of that file as above, and
//	                                 removes the line when it dies there
//
// The variable arms one process. A daemon that comes after the one that died lives,
// unless the variable names a file that has another line for it.
package crashpoint
