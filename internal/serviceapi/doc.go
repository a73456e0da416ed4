// Package serviceapi serves what services reach at $BANYAN_URL: plain HTTP, and
// Connect and gRPC beside it, on a unix socket that the data plane alone connects
// to. Each service and job has an address of its own for it, so that the data plane
// knows who calls; it says so in Banyan-Caller, and the package believes nothing else.
//
// All of it is HTTP/1.1 here, which costs half of what HTTP/2 does: calls that are
// not streams of a client need no more, and the data plane translates for gRPC.
//
// Refusals are problem details (RFC 9457) with the members and the header
// Banyan-Error that the data plane's own have, so that a client needs to know one
// form only. The package translates between the wire and interfaces that it
// declares itself, and decides nothing.
package serviceapi
