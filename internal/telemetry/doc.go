// Package telemetry is the engine of what Banyan sees: it takes spans, log records and
// samples in from all sides, hands them to what keeps them, and tells those who follow
// the logs. The daemon makes one for its app; receivers call it, doors read what it
// keeps from the rooms that keep it.
//
// What it promises: taking in never waits for a disk, and so nobody's requests wait for
// telemetry. What comes in faster than it can be kept waits in a queue that is bounded
// in bytes; senders that can send again are refused then, and what others bring is
// dropped and counted. Lines of services wait where they are until they are kept.
//
// All methods of an Engine are safe for concurrent use.
package telemetry
