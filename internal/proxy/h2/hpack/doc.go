// Package hpack is header compression for HTTP/2 (RFC 7541) between wire bytes
// and a [message.Head]. Only package h2 uses it.
//
// A [Decoder] reads a block field by field into a Head's arena, tells each
// field's [message.ID], and judges name and value once, when their text
// arrives: what a peer repeats by index costs a table look-up and a copy. An
// [Encoder] puts a field into the peer's table when it sees it for the second
// time, so that values that never come again displace nothing.
//
// Neither allocates in steady state, and both hold no tables before the first
// field that needs them. Dynamic tables are of 4096 bytes at most ([TableSize]),
// the protocol's default, in both directions. A Decoder or an Encoder belongs
// to one goroutine at a time.
package hpack
