// Package stream sends browsers what changes in an app: one stream of
// server-sent events for all that a page shows. Sources are asked only while
// somebody listens, once for all listeners. Package dash serves it.
//
// It promises: memory is bounded, for each listener and in all; a listener too
// slow for the events gets the newest states and is told what it missed; one that
// reconnects gets what it missed if that is still kept, else the newest states.
package stream
