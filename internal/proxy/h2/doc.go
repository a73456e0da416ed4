// Package h2 is HTTP/2 (RFC 9113) without I/O: a [Conn] is one connection's
// state machine, for either role. Bytes that were read go into [Conn.Feed],
// what the peer did comes out through a [Handler], and what is to be written is
// in [Conn.Out]. Time comes in with Feed. Only packages under internal/proxy
// use this package.
//
// A Conn promises that what its Handler sees is well formed: a request or a
// response that RFC 9113 section 8 calls malformed is answered with a reset and
// never shown. Bodies have the length that they announced, or end with a reset.
//
// Back-pressure is flow control. The peer's windows are refilled when the owner
// says [Stream.Consumed], not before; [Stream.WriteData] takes what the peer's
// windows and a high-water mark of pending output allow, and [Handler.Writable]
// says when to go on, stream by stream in turn.
//
// What a peer can make a Conn hold or do is bounded: see [Config] and [Limits].
// A peer that goes beyond is answered with GOAWAY, and the [Error] that Feed
// returns has a [Kind] to count by.
//
// # Ownership
//
// Everything of a connection belongs to one goroutine at a time, its streams
// included. Handlers are called from [Conn.Feed], [Conn.Flushed], [Conn.Close]
// and [Conn.Abort], and may call any method of the Conn and its streams but
// Feed. Streams are pooled: the owner of a Stream ends its use with
// [Stream.Release], exactly once, after which the pointer must be forgotten.
// Until then the stream counts against the peer's limit of concurrent streams,
// however it ended: a peer cannot have more work under way by resetting what it
// opened.
//
// PUSH_PROMISE is refused, and priorities are checked for form and ignored. A
// server offers extended CONNECT (RFC 8441) if it is configured to; a client uses none.
package h2
