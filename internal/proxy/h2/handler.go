package h2

import "github.com/banyanrun/banyan/internal/proxy/message"

// Handler gets what the peer does. A []byte is valid during the call; a Head is
// the receiver's from then on, until the receiver resets it.
//
// After Reset, or after both directions have ended, no more is said of a stream.
type Handler interface {
	// NewHead returns an empty Head to be filled. It comes back with Headers,
	// TooLarge or Trailers; one that was not needed is kept for the next message.
	NewHead() *message.Head

	// Headers is a new request, for which s is new too (server); or a response,
	// interim ones (1xx) included (client). end: there is no body.
	Headers(s *Stream, h *message.Head, end bool)

	// TooLarge is a new request with more than MaxHeaderBytes of fields, to be
	// answered with 431 and released. h holds the first of them, unchecked
	// but for their form. A response that is too large is a Reset.
	TooLarge(s *Stream, h *message.Head, end bool)

	// Data is a part of a body. p is empty only if end is true. Each byte is to
	// be given back with [Stream.Consumed].
	Data(s *Stream, p []byte, end bool)

	// Trailers ends a body.
	Trailers(s *Stream, h *message.Head)

	// Reset ends a stream in both directions: by the peer, by us because of
	// the peer's error, or with the connection. A server that has answered in
	// full may end the rest of a request by it, with NoError: the response counts. [Stream.Unprocessed] says whether
	// a request is known not to have been processed.
	Reset(s *Stream, code Code)

	// Writable says that WriteData, which was short, takes more now.
	Writable(s *Stream)

	// Settings says that the peer's settings have changed: [Conn.Capacity] may have.
	Settings()

	// GoAway says that the peer takes no new streams. Reset follows for those of
	// ours above last: they were not processed.
	GoAway(last uint32, code Code)

	// Pong answers [Conn.Ping].
	Pong(data uint64)
}
