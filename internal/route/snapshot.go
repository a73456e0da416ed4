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
}

// Instance is one running copy of a revision.
type Instance struct {
	ID       string `json:"id"`
	Revision string `json:"revision"`
	Addr     string `json:"addr"`
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
	// Retries is how often a request that is safe to repeat is tried again.
	Retries int      `json:"retries,omitempty"`
	Breaker *Breaker `json:"breaker,omitempty"`
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
	To        string            `json:"to"`
	Rewrite   string            `json:"rewrite,omitempty"`
	Auth      Auth              `json:"auth"`
	RateLimit *RateLimit        `json:"rate_limit,omitempty"`
	CORS      *CORS             `json:"cors,omitempty"`
	Policy    Policy            `json:"policy"`
	// MaxBody in bytes; 0: unlimited.
	MaxBody int64 `json:"max_body,omitempty"`
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
