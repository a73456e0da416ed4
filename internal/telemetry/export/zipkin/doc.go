// Package zipkin sends spans to Zipkin, or another server that takes its JSON, version
// 2. It is a sender of package export, for traces alone.
//
// It promises that spans are mapped as OpenTelemetry's specification has it, so that
// they look the same as those which an SDK sends there. A span that is sent twice is
// merged by the server, since it has the same ids.
package zipkin
