package message

// ID tells a known field.
type ID uint8

// The fields that engines and pipeline look at. Removed and Other are no fields' names.
const (
	Other ID = iota
	Removed

	Accept
	AcceptEncoding
	AccessControlRequestHeaders
	AccessControlRequestMethod
	Age
	Allow
	Authorization
	B3
	BanyanCache
	BanyanCaller
	BanyanDeadline
	BanyanError
	BanyanFallback
	BanyanMirror
	CacheControl
	Connection
	ContentLength
	ContentType
	Cookie
	Date
	ETag
	Expect
	Expires
	Forwarded
	GrpcMessage
	GrpcStatus
	GrpcTimeout
	Host
	HTTP2Settings
	IfModifiedSince
	IfNoneMatch
	KeepAlive
	LastModified
	Location
	Origin
	Pragma
	ProxyAuthenticate
	ProxyAuthorization
	ProxyConnection
	Range
	RetryAfter
	Server
	SetCookie
	TE
	Traceparent
	Tracestate
	Trailer
	TransferEncoding
	Upgrade
	UserAgent
	Vary
	Via
	WWWAuthenticate
	XB3Flags
	XB3ParentSpanID
	XB3Sampled
	XB3SpanID
	XB3TraceID
	XForwardedFor
	XForwardedHost
	XForwardedProto
	XRealIP
	XRequestID
	lastID
)

var spelling = [lastID]string{
	Accept: "Accept", AcceptEncoding: "Accept-Encoding",
	AccessControlRequestHeaders: "Access-Control-Request-Headers", AccessControlRequestMethod: "Access-Control-Request-Method",
	Age: "Age", Allow: "Allow", Authorization: "Authorization",
	B3: "b3", BanyanCache: "Banyan-Cache", BanyanCaller: "Banyan-Caller", BanyanDeadline: "Banyan-Deadline", BanyanError: "Banyan-Error",
	BanyanFallback: "Banyan-Fallback", BanyanMirror: "Banyan-Mirror",
	CacheControl: "Cache-Control", Connection: "Connection", ContentLength: "Content-Length", ContentType: "Content-Type",
	Cookie: "Cookie", Date: "Date", ETag: "ETag", Expect: "Expect", Expires: "Expires", Forwarded: "Forwarded",
	GrpcMessage: "Grpc-Message", GrpcStatus: "Grpc-Status", GrpcTimeout: "Grpc-Timeout", Host: "Host", HTTP2Settings: "HTTP2-Settings",
	IfModifiedSince: "If-Modified-Since", IfNoneMatch: "If-None-Match", KeepAlive: "Keep-Alive", LastModified: "Last-Modified",
	Location: "Location", Origin: "Origin", Pragma: "Pragma", ProxyAuthenticate: "Proxy-Authenticate",
	ProxyAuthorization: "Proxy-Authorization", ProxyConnection: "Proxy-Connection", Range: "Range", RetryAfter: "Retry-After",
	Server: "Server", SetCookie: "Set-Cookie", TE: "TE", Traceparent: "Traceparent", Tracestate: "Tracestate", Trailer: "Trailer",
	TransferEncoding: "Transfer-Encoding", Upgrade: "Upgrade", UserAgent: "User-Agent", Vary: "Vary", Via: "Via",
	WWWAuthenticate: "WWW-Authenticate", XB3Flags: "X-B3-Flags", XB3ParentSpanID: "X-B3-ParentSpanId",
	XB3Sampled: "X-B3-Sampled", XB3SpanID: "X-B3-SpanId", XB3TraceID: "X-B3-TraceId", XForwardedFor: "X-Forwarded-For", XForwardedHost: "X-Forwarded-Host",
	XForwardedProto: "X-Forwarded-Proto", XRealIP: "X-Real-IP", XRequestID: "X-Request-Id",
}

var (
	names  [lastID][]byte
	lower  [lastID][]byte
	lookup [1 << lookupBits]ID // by hash; open addressing
)

const lookupBits = 9

func init() { //nolint:gochecknoinits // a table that is computed once
	for id := Accept; id < lastID; id++ {
		s := spelling[id]
		names[id] = []byte(s)
		lower[id] = make([]byte, len(s))
		for i := range len(s) {
			lower[id][i] = s[i] | fold[s[i]]
		}
		at := hash(names[id])
		for lookup[at] != 0 {
			at = (at + 1) % (1 << lookupBits)
		}
		lookup[at] = id
	}
}

// fold is 0x20 for the letters A to Z, else 0.
var fold = func() (t [256]byte) {
	for c := 'A'; c <= 'Z'; c++ {
		t[c] = 0x20
	}
	return t
}()

// hash mixes length, first, middle and last character, all in lower case.
func hash(name []byte) uint32 {
	n := len(name)
	a, b, c := uint32(name[0]|0x20), uint32(name[n/2]|0x20), uint32(name[n-1]|0x20)
	return (uint32(n)*0x9E3779B1 ^ a*0x85EBCA6B ^ b*0xC2B2AE35 ^ c*0x27D4EB2F) >> (32 - lookupBits)
}

// Identify tells the ID of a field's name, in any case; Other if it is none of the known.
func Identify(name []byte) ID {
	if len(name) < 2 || len(name) > 30 {
		return Other
	}
	for at := hash(name); ; at = (at + 1) % (1 << lookupBits) {
		id := lookup[at]
		if id == Other {
			return Other
		}
		if equalLower(name, lower[id]) {
			return id
		}
	}
}

func equalLower(name, low []byte) bool {
	if len(name) != len(low) {
		return false
	}
	for i, c := range name {
		if c|fold[c] != low[i] {
			return false
		}
	}
	return true
}

// String is the usual spelling.
func (id ID) String() string { return spelling[id] }

// Name is the usual spelling; it must not be changed.
func (id ID) Name() []byte { return names[id] }

// Lower is the name in lower case, as HTTP/2 has it; it must not be changed.
func (id ID) Lower() []byte { return lower[id] }

// EqualFold reports whether b is s but for ASCII case.
func EqualFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		if c|fold[c] != s[i]|fold[s[i]] {
			return false
		}
	}
	return true
}
