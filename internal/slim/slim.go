// Package slim gives memory back that only starting up needed. It is for
// processes that stay and mostly wait: the daemon and the data plane, which start
// from one large binary. It promises nothing but to change no behaviour: what it
// lets go of comes back when it is used.
package slim

import "runtime/debug"

// Down returns unused heap to the system, and lets go of the program's own pages
// that are mapped: initialisation touches most of a large binary once, and what is
// used after that comes back from the page cache by itself. Call it when a process
// that stays has started; it takes some milliseconds. Safe from any goroutine.
func Down() {
	debug.FreeOSMemory()
	dropProgram()
}
