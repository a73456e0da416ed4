// Package otlp takes telemetry in by the OpenTelemetry protocol: HTTP with protobuf
// or JSON, and gRPC, of traces, logs and metrics. It is for the daemon, which serves
// it at each service's $BANYAN_URL and, on request, at ports of its own.
//
// It turns requests into the vocabulary of package signal and into samples that are
// named and labelled as Prometheus has them, and hands these to a Sink. It keeps
// nothing but the sums of what comes with delta temporality, in bounds, and waits for
// nobody: a Sink that is full makes the sender wait.
//
// What it promises:
//
//   - Whatever is sent, the answer is one of OTLP: what is malformed is refused as
//     such, and of what is well-formed, the records that cannot be taken are counted
//     in the answer's partial_success and the others are taken.
//   - A request costs no more memory than a small multiple of MaxBody, however it was
//     compressed or nested, and all at once hold no more bytes than there are in a Room.
//   - All text it hands on is UTF-8.
package otlp
