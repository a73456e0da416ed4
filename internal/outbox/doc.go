// Package outbox relays events that a service wrote into the table outbox of its
// own database, in the transactions of its own changes, to the bus. SQLite and
// PostgreSQL are known; docs/events.md has the table.
//
// What it promises: every committed row is published at least once, as the event
// whose id is the row's and whose source is /services/SERVICE/outbox; rows of one
// topic are published in the order of n, which is the order of causes: a row that
// was written after another one was committed comes after it. A row leaves the
// table after the bus has it durably, in a transaction of its own, so a crash
// between the two publishes it again with the same id, which the bus drops within
// the topic's dedup window.
//
// A row that can never be published moves to the table outbox_refused, with the
// reason, and the rows behind it go on. A topic that takes no events now is left
// out until it does, and holds up no other.
//
// The relay reads at most a few hundred rows in one statement and holds no
// transaction while it publishes. What it cannot relay now, for whatever reason,
// stays where it is, and Stat tells why.
package outbox
