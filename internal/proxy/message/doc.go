// Package message is what an HTTP message means, whatever version carried it.
// The protocol engines (packages h1 and h2) read bytes into a [Head] and write a
// Head as bytes; the pipeline between them knows only Heads.
//
// A Head holds one reading: what frames a message or ends at a hop (Host,
// Content-Length, Transfer-Encoding, Connection and what it names, Keep-Alive,
// Proxy-Connection, TE, Trailer, Upgrade, Expect: 100-continue) is taken out of
// the fields by the engine that reads, and written anew by the one that writes.
//
// Heads are pooled and their text lives in their own arena: a []byte of a Head
// is valid until Reset. A Head belongs to one goroutine at a time. Only packages
// under internal/proxy use this package.
package message
