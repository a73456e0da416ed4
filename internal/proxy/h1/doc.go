// Package h1 is HTTP/1.1 without I/O (RFC 9110, RFC 9112): bytes in, Heads and
// payload out, and back. [Parser] reads heads, [Body] takes a body out of its
// framing, the Append functions write both. A driver owns the sockets and the
// buffers; nothing here blocks, keeps time or allocates once it has warmed up.
//
// A message has one reading or is an [*Error]. Where the RFCs let a recipient be
// lenient and two recipients could differ, this one refuses: that is what keeps
// a request from being two requests to whoever reads it next. What frames a
// message or ends at this hop never stays in Head.Fields (package message says
// what that is), and the writers leave out such fields if they are there.
//
// Results do not depend on how the input was cut into pieces.
//
// Only packages under internal/proxy use this package. Its types belong to one
// goroutine at a time.
package h1
