// Package kafka is an engine of the bus that keeps events on a Kafka cluster,
// which somebody else runs.
//
// A topic of an app is a Kafka topic of one partition, banyan.APP.TOPIC, with a
// record an event: the value is the data, the key is the key, each attribute is a
// header as in CloudEvents' Kafka binding, and one header more holds what the bus
// needs. One partition, since one daemon writes and reads it: more of them would
// give up order among keys, and move keys where their number changes. An offset of
// the bus is Kafka's and one.
//
// A publish is answered when all replicas in sync have it. Settings of the cluster
// that would lose events, or change their order, are refused by Ensure.
//
// Retention is Banyan's own, since Kafka's knows nothing of subscriptions: the
// topic keeps everything, and this package removes records from its beginning.
//
// Kafka finds no duplicates. Its idempotent producer sees to its own repetitions,
// and no more: a publish that failed and is made again may be stored twice.
package kafka
