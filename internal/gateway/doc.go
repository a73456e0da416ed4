// Package gateway is what only the edge of the system does to a request before
// it is relayed: bearer tokens are verified against a JWKS, rates are limited,
// cross-origin requests are answered. Only package proxy uses it.
//
// It promises: no token is accepted whose signature, algorithm and times were
// not checked against keys of the configured set; the set is fetched in the
// background and the last good one is kept when that fails; limits use bounded
// memory. It knows nothing of routing and makes no responses by itself.
package gateway
