// Package block is the file that telemetry is kept in: one immutable block holds
// tens of thousands of spans, or of log records, in columns. A Builder gathers
// records and encodes them; Open and Reader read what is there, only the columns
// that a question needs. docs/telemetry-format.md has the format.
//
// Package store uses it. Both a Builder and a Reader are Records, so that what is
// gathered in memory is searched as what is on disk. Whatever the bytes are that it
// reads, it returns an error or records, and takes up memory within bounds.
// It knows nothing of files' names, of time, or of other blocks.
package block
