// Package red turns what the data plane counted and saw into telemetry: its exact
// counters into time series of rate, errors and duration, and its spans, one for each
// hop, into spans of package signal. It counts what services' own spans are of, too, in
// series of other names. The daemon uses it, for each answer of the data plane about its
// counters and for each batch of spans.
//
// What it promises: the series are those of all requests, before anything is sampled.
// Counters only rise, but for a data plane that begins anew, which queries see as a
// reset; a series that appears while the data plane runs begins with zero, so that its
// first requests count in rates, too. It reads no clock and does no I/O.
package red
