// Package sqlite opens the databases in which engines keep what must survive:
// SQLite with a write-ahead log and synchronous FULL, migrated, and with one
// writer that commits in one transaction what callers want written at a time. It
// knows nothing of what is in them.
//
// What it promises: once Write has returned nil, what it wrote survives kill -9
// and power loss. A log that was damaged is reported when it is opened, where
// SQLite would go back to an older state without a word. Checksums of rows are for
// the packages that have them; Sum helps.
package sqlite
