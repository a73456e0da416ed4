// Package call makes one request of a saga's step, by HTTP or gRPC, and says what
// its answer means. It repeats nothing and remembers nothing of a saga.
//
// By HTTP:
//
//   - 2xx is done. The body is the response: JSON, or null if it is empty. Text
//     that is not called JSON becomes a string. What is not JSON though it is
//     called so, or is larger than 1 MiB, or is no text, needs attention: the step
//     is done, and repeating it would give the same.
//   - 202 is pending. Of its Location only path and query count, for it is asked
//     after at the same service. 202 again is still pending.
//   - 409 with "Banyan-Outcome: abort" is the service's no.
//   - 429 and 503 are repeated later, after Retry-After if it is given. So is what the
//     data plane had no room for, and what could not be sent at all.
//   - Away is what the data plane refused as no instance was there to take it.
//   - 3xx, which is not followed, and other 4xx need attention.
//   - All else is unknown: 5xx, a connection that broke before the answer was
//     complete, no answer in time. It is never taken for a failure.
//
// A step is called by gRPC where its service speaks h2c and the path has the form
// /package.Service/Method. The body is the message in protobuf's JSON mapping, and
// so is the response; fields without a value are in it. The service is asked for
// the message types by gRPC server reflection. A service without reflection gets
// the same as plain JSON, which is how Connect servers understand it.
//
//   - OK is done; ABORTED with the metadata "banyan-outcome: abort" is the service's no.
//   - UNAVAILABLE and RESOURCE_EXHAUSTED are repeated.
//   - INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, UNIMPLEMENTED and
//     FAILED_PRECONDITION need attention.
//   - All else is unknown.
package call
