// Package loop drives sockets: a [Group] is one event loop a core, and each
// [Conn] belongs to one [Loop] for life. Code that serves connections reads as if
// it blocked: it runs as a [Task], a coroutine of its loop, and where it waits,
// the loop goes on with the next task.
//
// Everything of a loop (its tasks, connections, timers) runs on one goroutine at
// a time, so it needs no locks. Unless a method says otherwise it may only be
// called on the loop: from one of its tasks, or from a function given to
// [Loop.Post], which any goroutine may call. A task must not block in any other
// way than by this package's methods, or its whole loop stands still; what
// blocks goes through [Task.Await].
//
// Output is gathered: what tasks write is sent at the end of the turn, one
// system call a connection. A connection that waits for its peer holds no
// buffer and no task, but for that which waits where TLS is spoken.
//
// Only package proxy uses this package.
package loop
