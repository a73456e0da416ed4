// Package progress keeps what the bus knows beyond the events themselves, in one
// SQLite database (bus.db): how far each subscription is and what it has trouble
// with, dead letters, events that are due later, schemas in force, and how far
// each topic was seen to reach. It is for package bus alone.
//
// What it promises: what a method that writes has returned nil for survives kill
// -9 and power loss; writes of concurrent callers share a commit; a row that was
// damaged is reported (fault.Damaged), never returned. All methods of a Store are
// safe for concurrent use.
package progress
