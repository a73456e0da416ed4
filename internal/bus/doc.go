// Package bus is the app's events: services publish to topics, and the bus posts
// each event to every service that subscribes. It checks what is published,
// delays, delivers with retries, keeps dead letters, replays, and says how all
// this stands. Package engine keeps the events themselves, package progress how
// far everybody is, package flow decides what to deliver next.
//
// What it promises: an event that Publish accepted is delivered to each
// subscription at least once, or is a dead letter that a person can see, or was
// removed by a retention that says so; events of one key are delivered in the order
// in which they were published, one after the other; and one key's trouble delays
// no other key. A delivery has an identity that is the same whenever it is
// repeated, so that a service can recognise it.
//
// A Bus is told its topics and subscriptions by Configure, again whenever they
// change, and works while Run does. Its methods are safe for concurrent use.
package bus
