// Package contract is what the shop's services agree on, and the only Go package that they share.
//
// It holds two things. The messages: one small struct for each body that crosses a service's border. And the manners: what
// every service owes its callers and the platform beyond its own messages, which are errors as problem details (RFC 9457), one
// access record a request, trace headers that are passed on, a health check, and a graceful stop. The manners are here and
// not copied into each service because a service that got them slightly wrong would break the others, just as one that
// got a message wrong would. Nothing else belongs here: no database, no business rule.
//
// A service in another language keeps the same contract without this package; see recommendation (Python) and
// notification (Node.js).
package contract
