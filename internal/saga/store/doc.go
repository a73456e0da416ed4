// Package store keeps sagas: how far each is, what was done for it, what it waits
// for, and the definitions it was started with, in SQLite (saga.db) or PostgreSQL.
// It is for package coordinator and knows nothing of what a saga is: its document
// and its log are bytes.
//
// What it promises: what a method that writes has returned nil for survives kill
// -9 and power loss; changes of concurrent callers share a commit; a change is
// made to the version that its caller has seen, or not at all; a row that was
// damaged is reported (fault.Damaged), never returned.
//
// One coordinator writes at a time. Each that takes the store gets a higher fence,
// and each transaction looks first whether the fence is still its own: one that
// was paused while another took over writes nothing any more, and is told so
// (ErrFenced).
package store
