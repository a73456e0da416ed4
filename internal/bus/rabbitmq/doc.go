// Package rabbitmq is an engine of the bus that keeps events in queues of a
// RabbitMQ server or cluster, which somebody else runs.
//
// A topic is an exchange that copies (fanout), banyan.APP.TOPIC, and each group
// has a quorum queue bound to it, banyan.APP.TOPIC:GROUP. A publish is answered
// when every queue has it on the disks of most of its replicas. What no group
// subscribes to is kept by nobody.
//
// A queue is no log, so this engine cannot replay: an event is there until its
// group is done with it, and cannot be read by place or time. Offsets are given
// by the publisher, of which there is one, and travel with the message. They rise
// from event to event, and begin anew above all earlier ones with each life of the
// engine: see topic.offset.
//
// A cursor takes what it may hold and acknowledges what is Done. What was not comes
// again, in order, when the cursor, the connection or the server was gone in
// between. The queue serves one consumer at a time, so that those of a daemon that
// died are not mixed up with the next one's.
package rabbitmq
