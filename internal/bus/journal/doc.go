// Package journal is the engine of the bus that needs no server: a log a topic,
// in segments, written by group commit.
//
// A topic is a directory:
//
//	00000001.seg  a segment: records, in groups; a group is one write and one sync
//	00000001.idx  what is known of a segment that is full: ids, times, places
//	00000002.seg  the segment that is written to
//	00000003.seg  the next one, made beforehand
//
// A segment has its full size, in zeros, and is synced before it is used. So a
// sync of a group changes no metadata, and a disk that is full is noticed while a
// segment is made, when there is still room in the present one.
//
// A group is written only after the one before it is synced. That makes a write
// that power cut short different from damage: it is the last thing in the log.
// A group that is not whole, with any later one behind it, was whole once, and
// what it held was acknowledged: the topic stops, and nothing is guessed. A last
// group that is not whole is wiped. What looks like that and is damage is found
// by the ends that the caller has seen (engine.Topic.Known).
//
// Nothing is visible to readers, and no id a duplicate, before it is synced; what
// is found at the start is synced once more, since a program that was killed may
// have left it to the page cache.
//
// Lock order: Journal.mu, topic.mu, then a file's own (segment.mu, idFile.mu).
// Each topic has one writer goroutine, which alone appends, and one keeper, which
// makes segments, writes index files and removes what is no longer kept.
package journal
