// Package logs turns what instances write into bounded, timestamped, queryable
// records. It is for the daemon.
//
// Instances append to spool files by themselves, also while no daemon lives. A
// Collector tails all spools with one watch on their directory, splits lines,
// stamps them and appends them to segments of JSON lines, a few a service; it
// then gives the spool's space back. Segments are the record; a spool is a
// buffer.
//
// What it promises:
//
//   - A daemon killed at any moment neither loses nor doubles a line: each
//     record holds the spool offset after it, and a new Collector goes on there.
//     (A crash of the machine may lose the last seconds: nothing is synced.)
//   - Disk use is bounded a service (8 segments of 4 MiB), apart from spools
//     that grow while no daemon lives. Lines of that time are stamped when read.
//   - A full disk ends nothing: lines wait in the spool; where too many wait,
//     the oldest are dropped and their number is recorded.
//   - An idle instance costs some hundred bytes, no descriptor and no goroutine.
//
// Lock order: store.mu before Collector.mu.
package logs
