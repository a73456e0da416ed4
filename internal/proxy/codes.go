package proxy

import "net/http"

// Code says why the data plane answered by itself. It stands in the header
// Banyan-Error, in the problem's `code` and in the access log.
type Code string

// The codes, and what each means.
const (
	NoRoute         Code = "no-route"            // no route of the gateway matches path, host, headers
	MethodNotOK     Code = "method-not-allowed"  // routes match but for the method; Allow lists theirs
	BadPath         Code = "bad-path"            // the path means one route as written and another as decoded
	CallRefused     Code = "call-refused"        // the caller did not declare this call
	NoReadyInstance Code = "no-ready-instance"   // the service has no instance that takes requests
	BreakerOpen     Code = "breaker-open"        // the circuit breakers of all instances are open
	Overloaded      Code = "overloaded"          // all instances have as many requests in flight as they may
	BulkheadFull    Code = "bulkhead-full"       // the edge has as many requests in flight as it may
	UpstreamConnect Code = "upstream-connect"    // no connection to the instance
	OutOfResources  Code = "out-of-resources"    // the data plane has no descriptor, port or memory for a connection
	UpstreamReset   Code = "upstream-reset"      // the instance broke the connection or HTTP
	UpstreamTimeout Code = "upstream-timeout"    // no response header within the edge's timeout, or that for a try
	Restarting      Code = "platform-restarting" // Banyan itself did not take the connection within the edge's wait
	FaultInjected   Code = "fault-injected"      // the edge's fault wants it so
	NotCached       Code = "not-cached"          // the client wants a cached answer only, and there is none
	BodyTooLarge    Code = "body-too-large"      // the body exceeds max_body
	HeaderTooLarge  Code = "header-too-large"    // the header exceeds max_header
	BodyBroken      Code = "body-broken"         // the client did not send its body to the end, or too slowly
	RateLimited     Code = "rate-limited"        // more requests than the route's rate_limit
	TokenMissing    Code = "token-missing"       // the route wants a bearer token
	TokenInvalid    Code = "token-invalid"       // the bearer token is not valid
	JWKSUnavailable Code = "jwks-unavailable"    // keys to verify the token could not be had
	BadRequest      Code = "bad-request"         // the request is not HTTP, or could be read in two ways
	URITooLong      Code = "uri-too-long"        // the request line alone exceeds max_header
	HeaderTimeout   Code = "header-timeout"      // the request's head did not come within header_timeout
	ExpectNotOK     Code = "expectation-failed"  // the request expects something other than 100-continue
	NotImplemented  Code = "not-implemented"     // a transfer coding other than chunked, or a protocol that is not relayed
	VersionNotOK    Code = "http-version"        // a version of HTTP that is not served
	ClientGone      Code = "client-gone"         // the client left before the answer; only in logs
	Internal        Code = "internal"            // a defect of Banyan
)

// gRPC's status codes that the data plane uses.
const (
	grpcInvalidArgument   = 3
	grpcDeadlineExceeded  = 4
	grpcPermissionDenied  = 7
	grpcResourceExhausted = 8
	grpcUnimplemented     = 12
	grpcInternal          = 13
	grpcUnavailable       = 14
	grpcUnauthenticated   = 16
)

// meaning maps a code to the edges' own words.
type meaning struct {
	status int
	grpc   int
	title  string
}

var meanings = map[Code]meaning{
	NoRoute:         {http.StatusNotFound, grpcUnimplemented, "No route leads here"},
	MethodNotOK:     {http.StatusMethodNotAllowed, grpcUnimplemented, "No route takes this method here"},
	BadPath:         {http.StatusBadRequest, grpcInvalidArgument, "The path is ambiguous"},
	CallRefused:     {http.StatusForbidden, grpcPermissionDenied, "The call is not declared"},
	NoReadyInstance: {http.StatusServiceUnavailable, grpcUnavailable, "No instance is ready"},
	BreakerOpen:     {http.StatusServiceUnavailable, grpcUnavailable, "The circuit breaker is open"},
	Overloaded:      {http.StatusServiceUnavailable, grpcResourceExhausted, "All instances are at their limit"},
	BulkheadFull:    {http.StatusServiceUnavailable, grpcResourceExhausted, "Too many requests are in flight"},
	Restarting:      {http.StatusServiceUnavailable, grpcUnavailable, "Banyan is being restarted"},
	FaultInjected:   {http.StatusServiceUnavailable, grpcUnavailable, "A fault was injected"},
	NotCached:       {http.StatusGatewayTimeout, grpcUnavailable, "No kept answer may be used"},
	UpstreamConnect: {http.StatusBadGateway, grpcUnavailable, "The instance does not accept connections"},
	OutOfResources:  {http.StatusServiceUnavailable, grpcResourceExhausted, "The data plane cannot open more connections"},
	UpstreamReset:   {http.StatusBadGateway, grpcUnavailable, "The instance broke the connection"},
	UpstreamTimeout: {http.StatusGatewayTimeout, grpcDeadlineExceeded, "The service did not answer in time"},
	BodyTooLarge:    {http.StatusRequestEntityTooLarge, grpcResourceExhausted, "The body is too large"},
	HeaderTooLarge:  {http.StatusRequestHeaderFieldsTooLarge, grpcResourceExhausted, "The header is too large"},
	BodyBroken:      {http.StatusBadRequest, grpcInvalidArgument, "The body was not sent to its end"},
	RateLimited:     {http.StatusTooManyRequests, grpcResourceExhausted, "Too many requests"},
	TokenMissing:    {http.StatusUnauthorized, grpcUnauthenticated, "A bearer token is needed"},
	TokenInvalid:    {http.StatusUnauthorized, grpcUnauthenticated, "The bearer token is not valid"},
	JWKSUnavailable: {http.StatusServiceUnavailable, grpcUnavailable, "Tokens cannot be verified now"},
	BadRequest:      {http.StatusBadRequest, grpcInternal, "The request cannot be read"},
	URITooLong:      {http.StatusRequestURITooLong, grpcResourceExhausted, "The request line is too long"},
	HeaderTimeout:   {http.StatusRequestTimeout, grpcUnavailable, "The request's header took too long"},
	ExpectNotOK:     {http.StatusExpectationFailed, grpcInvalidArgument, "The expectation cannot be met"},
	NotImplemented:  {http.StatusNotImplemented, grpcUnimplemented, "The transfer coding or the protocol is not supported"},
	VersionNotOK:    {http.StatusHTTPVersionNotSupported, grpcUnimplemented, "The HTTP version is not supported"},
	Internal:        {http.StatusInternalServerError, grpcInternal, "A defect of Banyan"},
}

// failure is an answer that the data plane makes by itself.
type failure struct {
	code     Code
	service  string
	instance string
	caller   string
	detail   string
	// retryAfter in seconds; 0: not said.
	retryAfter int
	// as is the status, if not the code's own; 0: it is.
	as int
}
