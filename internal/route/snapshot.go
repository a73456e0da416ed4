// Package route holds the immutable, numbered snapshots that tell the data
// plane all it needs to know, and compiles them from the app file.
//
// A snapshot is never changed once it is published: the daemon makes a new one
// and the data plane swaps it in whole. It is plain data (JSON), so that the
// engine behind it can be replaced without touching whoever makes it.
package route

import "time"

// Version numbers a snapshot. A daemon takes a new epoch each time it starts;
// within an epoch N grows by one. The data plane refuses an older version than
// the one it has.
type Version struct {
	Epoch uint64 `json:"epoch"`
	N     uint64 `json:"n"`
}

// Before reports whether v is older than w.
func (v Version) Before(w Version) bool {
	return v.Epoch < w.Epoch || v.Epoch == w.Epoch && v.N < w.N
}

// Snapshot is everything the data plane needs at one moment.
type Snapshot struct {
	Version   Version             `json:"version"`
	App       string              `json:"app"`
	Listeners []Listener          `json:"listeners"`
	Gateway   *Gateway            `json:"gateway,omitempty"`
	Edges     []Edge              `json:"edges,omitempty"`
	Services  map[string]*Service `json:"services"`
}

// GatewayCaller is the name under which the gateway calls services.
const GatewayCaller = "gateway"

// Platform is the name under which services call Banyan itself, and under which it
// calls them.
const Platform = "banyan"

// Role says what a listener serves.
type Role string

// The roles of listeners.
const (
	RoleGateway Role = "gateway" // clients from outside, by Snapshot.Gateway
	RoleEdge    Role = "edge"    // Caller's calls to Callee, by the matching Edge
	RoleRefuse  Role = "refuse"  // Caller's calls to whatever it did not declare: 403
)

// Listener is one listening socket, shared by the daemon (which holds it and
// never accepts) and the data plane. A data plane that has the socket of ID
// already keeps it; otherwise it comes over the link before the snapshot.
type Listener struct {
	// ID is stable over snapshots: "gateway/127.0.0.1:8080", "edge/order/inventory", "refuse/order".
	ID     string `json:"id"`
	Role   Role   `json:"role"`
	Addr   string `json:"addr"`
	Caller string `json:"caller,omitempty"`
	Callee string `json:"callee,omitempty"`
}

// Protocol is what instances of a service speak.
type Protocol string

// The protocols of services.
const (
	HTTP1 Protocol = "http"
	H2C   Protocol = "h2c"
	TCP   Protocol = "tcp"
)

// Service is a callee and its instances that may get new requests.
type Service struct {
	Name     string   `json:"name"`
	Protocol Protocol `json:"protocol"`
	// Instances that are ready. Empty: requests are answered no-ready-instance.
	Instances []Instance `json:"instances,omitempty"`
	// Split shares requests between revisions by weight. Empty: all instances are
	// alike. An instance whose revision is not named gets nothing.
	Split []Share `json:"split,omitempty"`
	// Sticky keeps a client with its revision of a Split.
	Sticky *Sticky `json:"sticky,omitempty"`
	// Concurrency bounds requests in flight to each instance. Nil: unbounded.
	Concurrency *Concurrency `json:"concurrency,omitempty"`
	// ProxyProtocol is the version (1 or 2) of the PROXY header that connections
	// to instances begin with. 0: none. TCP services only.
	ProxyProtocol int `json:"proxy_protocol,omitempty"`
}

// Share is a revision's part of a split.
type Share struct {
	Revision string `json:"revision"`
	Weight   int    `json:"weight"` // ≥ 0; parts of the sum
}

// Sticky says what identifies a client; one of the fields is set.
type Sticky struct {
	Cookie string `json:"cookie,omitempty"` // set by the data plane where the client has none
	Header string `json:"header,omitempty"`
}

// Concurrency is a limit of requests in flight per instance.
type Concurrency struct {
	// Max is the limit, or where Adaptive is set, its upper bound; > 0.
	Max int `json:"max"`
	// Adaptive finds the limit from latency.
	Adaptive bool `json:"adaptive,omitempty"`
}

// Instance is one running copy of a revision.
type Instance struct {
	ID       string `json:"id"`
	Revision string `json:"revision"`
	Addr     string `json:"addr"` // "127.0.0.1:20100", or "unix:/path"
}

// Edge is the policy of a declared call.
type Edge struct {
	Caller string `json:"caller"`
	Callee string `json:"callee"`
	Policy Policy `json:"policy"`
}

// Policy is how requests of an edge or a route are sent.
type Policy struct {
	// Timeout bounds the time to the response's header, tries included. 0: none.
	Timeout time.Duration `json:"timeout,omitempty"`
	// TryTimeout bounds the time of one try to the response's header. 0: none.
	TryTimeout time.Duration `json:"try_timeout,omitempty"`
	// Wait is how long, of Timeout, a request waits while no connection to the
	// instance can be made. 0: it is refused at once. It is for Platform alone.
	Wait time.Duration `json:"wait,omitempty"`
	// Retries is how often a request that is safe to repeat is tried again.
	Retries int `json:"retries,omitempty"`
	// RetryBudget is the share of requests that may be retries, 0 < b ≤ 1. 0: the default, 0.2.
	RetryBudget float64  `json:"retry_budget,omitempty"`
	Breaker     *Breaker `json:"breaker,omitempty"`
	Outlier     *Outlier `json:"outlier,omitempty"` // nil: the defaults
	Balance     *Balance `json:"balance,omitempty"` // nil: P2C
	// Bulkhead is how many requests of the edge may be in flight. 0: any number.
	Bulkhead int       `json:"bulkhead,omitempty"`
	Hedge    *Hedge    `json:"hedge,omitempty"`
	Fallback *Fallback `json:"fallback,omitempty"`
	Mirror   *Mirror   `json:"mirror,omitempty"`
	Cache    *Cache    `json:"cache,omitempty"`
	Fault    *Fault    `json:"fault,omitempty"`
}

// Outlier is Envoy's outlier detection by consecutive errors; all fields are set.
type Outlier struct {
	Errors     int           `json:"errors"`      // consecutive 5xx answers or failures; 0: never ejects
	Base       time.Duration `json:"base"`        // × how often the instance was ejected lately
	Max        time.Duration `json:"max"`         // the longest ejection
	MaxPercent int           `json:"max_percent"` // of a service's instances that may be out, at least one
}

// BalanceBy names a way to pick an instance.
type BalanceBy string

// The ways to pick.
const (
	P2C          BalanceBy = "p2c"           // the better of two, by requests in flight and recent latency
	RoundRobin   BalanceBy = "round_robin"   // each in turn
	LeastRequest BalanceBy = "least_request" // the one with the fewest requests in flight
	HashRing     BalanceBy = "hash"          // the same instance for the same key
)

// Balance says how an edge picks instances. With HashRing one of the others is set.
type Balance struct {
	By     BalanceBy `json:"by"`
	Header string    `json:"header,omitempty"` // the key is this header's value
	Cookie string    `json:"cookie,omitempty"` // or this cookie's
	Source bool      `json:"source,omitempty"` // or the client's address
}

// Hedge sends a request that is safe to repeat to a second instance when the first is slow.
type Hedge struct {
	After time.Duration `json:"after"` // > 0
	Max   int           `json:"max"`   // extra tries, ≥ 1
}

// Fallback answers in place of a service that cannot. The first that is possible is used:
// the cached answer, the other service, the static answer.
type Fallback struct {
	// Stale is the greatest age of a cached answer, past its freshness. 0: none.
	Stale   time.Duration `json:"stale,omitempty"`
	Service string        `json:"service,omitempty"`
	Status  int           `json:"status,omitempty"` // 0: no static answer
	Type    string        `json:"type,omitempty"`   // content type
	Body    string        `json:"body,omitempty"`
}

// Mirror sends copies of requests to another service and drops its answers.
type Mirror struct {
	To      string  `json:"to"`
	Percent float64 `json:"percent"` // 0 < p ≤ 100
}

// Cache keeps answers as RFC 9111 lets a shared cache.
type Cache struct {
	// MaxBytes bounds what is kept for the edge or route.
	MaxBytes int64 `json:"max_bytes"`
	// MaxObject bounds one body.
	MaxObject int64 `json:"max_object"`
	// DefaultTTL is for answers that say nothing of their freshness. 0: they are not kept.
	DefaultTTL time.Duration `json:"default_ttl,omitempty"`
	// StaleIfError serves answers so long past their freshness when the service fails,
	// where they do not say themselves.
	StaleIfError time.Duration `json:"stale_if_error,omitempty"`
}

// Fault spoils requests on purpose, for tests of callers.
type Fault struct {
	Delay        time.Duration `json:"delay,omitempty"`
	DelayPercent float64       `json:"delay_percent,omitempty"`
	Abort        int           `json:"abort,omitempty"` // status; 0: none
	AbortPercent float64       `json:"abort_percent,omitempty"`
}

// Breaker is a circuit breaker per edge and instance; all fields are set.
type Breaker struct {
	FailureRatio float64       `json:"failure_ratio"`
	MinRequests  int           `json:"min_requests"`
	Window       time.Duration `json:"window"`
	OpenFor      time.Duration `json:"open_for"`
}

// Gateway is what the edge of the system does.
type Gateway struct {
	// Routes in the file's order; the data plane orders them by specificity.
	Routes        []Route       `json:"routes"`
	JWT           *JWT          `json:"jwt,omitempty"`
	AccessLog     bool          `json:"access_log"`
	MaxHeader     int64         `json:"max_header"`
	HeaderTimeout time.Duration `json:"header_timeout"`
	IdleTimeout   time.Duration `json:"idle_timeout"`
	// TLS makes the gateway's listeners speak TLS. Nil: plain text.
	TLS *TLS `json:"tls,omitempty"`
	// ProxyProtocol wants a PROXY header (version 1 or 2) at the start of each
	// connection, and takes the client's address from it.
	ProxyProtocol bool `json:"proxy_protocol,omitempty"`
}

// TLS names files in PEM that the data plane can read.
type TLS struct {
	Cert string `json:"cert"` // the certificate, then its chain
	Key  string `json:"key"`
}

// JWT says how bearer tokens are verified.
type JWT struct {
	Issuer     string            `json:"issuer,omitempty"`
	Audience   string            `json:"audience,omitempty"`
	JWKS       string            `json:"jwks"`
	Algorithms []string          `json:"algorithms"`
	Forward    map[string]string `json:"forward,omitempty"` // claim → header
	Leeway     time.Duration     `json:"leeway"`
}

// Auth says whether a route wants a verified token.
type Auth string

// What a route can ask of a token.
const (
	AuthNone     Auth = "none"
	AuthOptional Auth = "optional"
	AuthRequired Auth = "required"
)

// Route leads requests from outside to a service; field meanings as in the app file.
type Route struct {
	Path      string            `json:"path"`
	Host      string            `json:"host,omitempty"`
	Methods   []string          `json:"methods,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"`
	Query     map[string]string `json:"query,omitempty"`
	To        string            `json:"to"`
	Rewrite   string            `json:"rewrite,omitempty"`
	Auth      Auth              `json:"auth"`
	RateLimit *RateLimit        `json:"rate_limit,omitempty"`
	CORS      *CORS             `json:"cors,omitempty"`
	Policy    Policy            `json:"policy"`
	// MaxBody in bytes; 0: unlimited.
	MaxBody int64 `json:"max_body,omitempty"`
	// Connect: the route takes CONNECT alone, for a service of protocol TCP. It has no Path.
	Connect bool `json:"connect,omitempty"`
}

// RateLimit is GCRA's rate and burst.
type RateLimit struct {
	Requests  int           `json:"requests"`
	Per       time.Duration `json:"per"`
	Burst     int           `json:"burst"`
	BySubject bool          `json:"by_subject,omitempty"`
}

// CORS is a route's cross-origin policy.
type CORS struct {
	Origins     []string      `json:"origins"`
	Methods     []string      `json:"methods"`
	Headers     []string      `json:"headers,omitempty"`
	Expose      []string      `json:"expose,omitempty"`
	Credentials bool          `json:"credentials,omitempty"`
	MaxAge      time.Duration `json:"max_age"`
}
