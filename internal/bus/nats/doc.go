// Package nats is an engine of the bus that keeps events on a NATS server with
// JetStream, which somebody else runs.
//
// A topic is a stream of one subject, with a message an event: the payload is the
// data, each attribute is a header ce-NAME, and two headers more hold what the
// bus needs. An offset is a sequence number of the stream, which has no gaps:
// messages are removed from its beginning alone, by this package or, where a
// topic drops its oldest, by the server.
//
// One goroutine a topic publishes. It takes all calls that wait, sends their
// messages without waiting between them, and has each say after which sequence it
// must come. So the server stores them in order or not at all, whatever becomes
// of the connection in between; a message that was given up and arrives late is
// refused; and another publisher is found out.
//
// The server finds duplicates, by Nats-Msg-Id, in memory, for one window a stream.
// Reading needs no acknowledgement, since the bus knows where its subscriptions
// are: a cursor is a consumer without state, made anew after each trouble.
package nats
