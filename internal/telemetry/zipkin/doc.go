// Package zipkin takes spans in as Zipkin's libraries report them: version 2 of its
// API, in JSON. It is for the daemon, which serves it at each service's $BANYAN_URL.
//
// It turns them into the vocabulary of package signal and hands them to a Sink. What
// is not Zipkin's JSON is refused as a whole, as Zipkin does; a Sink that is full
// makes the sender wait. It keeps nothing.
package zipkin
