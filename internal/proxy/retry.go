package proxy

import (
	"net/http"
	"time"
)

// What is sent again. Always within the edge's Retries and its retry budget,
// never after the answer's header was relayed, and only if the body can be
// replayed (none, or at most replayLimit bytes of it were taken):
//
//   - a request that surely was not sent: no connection was made, or a pooled
//     one was closed before a byte of it was written (this last one does not
//     count as a retry, it is a fault of pooling);
//   - an idempotent request (RFC 9110, 9.2.2) whose connection broke;
//   - an idempotent request answered 503 without Retry-After, while another
//     instance is there: with Retry-After the service asks for patience.
//
// Timeouts are not retried: the edge's timeout bounds all tries together.
// net/http itself repeats, on a fresh connection to the same instance, requests
// that met a closed pooled connection and are GET, HEAD, OPTIONS or TRACE, or
// have no body and an Idempotency-Key.

// idempotent reports whether method may be sent twice.
func idempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete, http.MethodTrace:
		return true
	}
	return false
}

// retryFailure decides about a try without an answer.
func (x *exchange) retryFailure(t *tryResult) bool {
	if x.fail.code == UpstreamTimeout {
		return false
	}
	return (t.neverSent() || idempotent(x.r.Method)) && x.mayRetry()
}

// retryAnswer decides about an answer.
func (x *exchange) retryAnswer(resp *http.Response) bool {
	return resp.StatusCode == http.StatusServiceUnavailable && idempotent(x.r.Method) &&
		resp.Header.Get("Retry-After") == "" && x.anotherInstance() && x.mayRetry()
}

func (x *exchange) mayRetry() bool {
	return x.tries <= x.edg.policy.Retries && x.body.replayable() && x.edg.state.budget.take(time.Now())
}

// anotherInstance reports whether one that was not tried takes requests.
func (x *exchange) anotherInstance() bool {
	for _, i := range x.edg.pool.instances {
		if fit(i, x.tried) {
			return true
		}
	}
	return false
}
