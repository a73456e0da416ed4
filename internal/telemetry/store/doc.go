// Package store keeps spans and logs: a write-ahead log, the newest records in
// memory, and immutable blocks on disk (package block), all of which are searched
// as one. It bounds what it uses of the disk, and drops the oldest.
//
// The telemetry engine uses it. What was appended survives the program's end at any
// time; a loss of power takes at most the last second. What is damaged is left
// out and told by Status; it is never guessed, and never stops the rest. A Store may
// be used by several goroutines. Two must not use one directory at the same time.
//
// A directory for spans and one for logs hold:
//
//	0000000012.wal                records that are not in a block yet
//	0000000011.full               a block with all records of 0000000011.wal
//	0000000003-0000000010.sampled a block with what was kept of those
//	0000000002.bad                a wal that cannot be read
//
// A number is given once. A name that is made, by rename, replaces those whose
// numbers it covers: what a crash left of them goes at the next start, and so
// nothing is lost or twice there.
//
// Lock order: shelf.appending, shelf.mu. With head.mu or wal.mu held no other is taken.
package store
