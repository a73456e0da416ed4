package appfile

// App is one system: what banyan.yaml describes, with its overlays merged, its
// variables interpolated and its defaults filled in.
type App struct {
	// Name identifies the app on this machine. Default: the app directory's name.
	Name string `yaml:"name,omitempty" json:"name,omitempty"`
	// Gateway is the app's single entry from outside. Absent: no gateway.
	Gateway *Gateway `yaml:"gateway,omitempty" json:"gateway,omitempty"`
	// Services are the app's services by name.
	Services map[string]*Service `yaml:"services,omitempty" json:"services,omitempty"`
	// Jobs are programs that run to completion: once, or on a schedule.
	Jobs map[string]*Job `yaml:"jobs,omitempty" json:"jobs,omitempty"`
	// Bus says what keeps the events. Default: the embedded engine, where there
	// are topics.
	Bus *Bus `yaml:"bus,omitempty" json:"bus,omitempty"`
	// Topics are the app's topics by name. A topic that a service publishes or
	// subscribes to, and that is not in the file, is added with its defaults.
	Topics map[string]*Topic `yaml:"topics,omitempty" json:"topics,omitempty"`
	// Resources are the servers that the app uses and Banyan does not run.
	Resources *AppResources `yaml:"resources,omitempty" json:"resources,omitempty"`
	// Sagas are the app's sagas by name.
	Sagas map[string]*Saga `yaml:"sagas,omitempty" json:"sagas,omitempty"`
	// SagaStore is where it is kept how far sagas are: sqlite (a file in the state
	// directory) or postgres (a database of Banyan's own on the server of
	// resources). Default: sqlite.
	SagaStore string `yaml:"saga_store,omitempty" json:"saga_store,omitempty"`
	// Dashboard says where people see the app in a browser. Default: on loopback.
	Dashboard *Dashboard `yaml:"dashboard,omitempty" json:"dashboard,omitempty"`
	// Telemetry says what is kept of traces, logs and metrics, and who is told of
	// alerts. Default: what its fields say.
	Telemetry *Telemetry `yaml:"telemetry,omitempty" json:"telemetry,omitempty"`
	// Alerts are the app's alerts by name, and changes to those that Banyan ships.
	Alerts map[string]*Alert `yaml:"alerts,omitempty" json:"alerts,omitempty"`
	// Recordings are series that are made of others, all 15 seconds: the name of the
	// metric, and its PromQL.
	Recordings map[string]string `yaml:"recordings,omitempty" json:"recordings,omitempty"`
	// Secrets says where each secret comes from. A secret that is named here
	// with neither file nor environment is set by `banyan secret set`.
	Secrets map[string]*Secret `yaml:"secrets,omitempty" json:"secrets,omitempty"`
}

// Gateway listens for clients and routes their requests to services.
type Gateway struct {
	// Listen is the address: ":8080" means loopback, IPv4 and IPv6;
	// "0.0.0.0:8080" opens it to the network. Default: ":8080".
	Listen string `yaml:"listen,omitempty" json:"listen,omitempty"`
	// TLS makes the gateway speak HTTPS. Absent: plain HTTP.
	TLS *TLS `yaml:"tls,omitempty" json:"tls,omitempty"`
	// ProxyProtocol wants a PROXY header, version 1 or 2, at the start of each
	// connection and takes the client's address from it: for a gateway behind a
	// load balancer that sends one. Default: false.
	ProxyProtocol bool `yaml:"proxy_protocol,omitempty" json:"proxy_protocol,omitempty"`
	// JWT says how bearer tokens are verified. Needed by routes whose auth is not none.
	JWT *JWT `yaml:"jwt,omitempty" json:"jwt,omitempty"`
	// Routes lead outside paths to services. The most specific match wins:
	// exact host before wildcard, longer path before shorter, then more
	// conditions (method, headers) before fewer, then file order.
	Routes []*Route `yaml:"routes,omitempty" json:"routes,omitempty"`
	// AccessLog writes one structured record a request. Default: true.
	AccessLog *bool `yaml:"access_log,omitempty" json:"access_log,omitempty"`
	// MaxHeader bounds a request's header block. Default: 64Ki.
	MaxHeader Bytes `yaml:"max_header,omitempty" json:"max_header,omitempty"`
	// MaxBody bounds a request's body, where its route does not say. Default: 10Mi.
	MaxBody Bytes `yaml:"max_body,omitempty" json:"max_body,omitempty"`
	// HeaderTimeout is how long a client may take to send its header. Default: 10s.
	HeaderTimeout Duration `yaml:"header_timeout,omitempty" json:"header_timeout,omitempty"`
	// IdleTimeout closes a connection without requests, or a request body or
	// response that makes no progress. Default: 2m.
	IdleTimeout Duration `yaml:"idle_timeout,omitempty" json:"idle_timeout,omitempty"`
}

// TLS names the gateway's certificate and its key.
type TLS struct {
	// Cert is a file in PEM, relative to the app file: the certificate, then its chain.
	Cert string `yaml:"cert" json:"cert"`
	// Key is a file in PEM, relative to the app file: the certificate's private key.
	Key string `yaml:"key" json:"key"`
}

// JWT says how the gateway verifies bearer tokens and what it passes on.
type JWT struct {
	// Issuer is the required `iss` claim. Empty: not checked.
	Issuer string `yaml:"issuer,omitempty" json:"issuer,omitempty"`
	// Audience is a required entry of the `aud` claim. Empty: not checked.
	Audience string `yaml:"audience,omitempty" json:"audience,omitempty"`
	// JWKS is the URL of the key set; it may use ${services.NAME.url}.
	JWKS string `yaml:"jwks" json:"jwks"`
	// Algorithms are the accepted signature algorithms.
	// Default: EdDSA, ES256, ES384, ES512, RS256, RS384, RS512, PS256, PS384, PS512.
	Algorithms []string `yaml:"algorithms,omitempty" json:"algorithms,omitempty"`
	// Forward maps a claim to the request header that carries it to the
	// service. Copies sent by clients are removed on every route.
	// Default: {sub: X-User-Id}.
	Forward map[string]string `yaml:"forward,omitempty" json:"forward,omitempty"`
	// Leeway is the clock difference that is forgiven. Above 0s, at most 1h. Default: 30s.
	Leeway Duration `yaml:"leeway,omitempty" json:"leeway,omitempty"`
}

// Route leads requests from outside to a service.
type Route struct {
	// Path is a prefix that matches whole segments: /api matches /api and /api/x, not /apix.
	// Required, but for Connect, which has none.
	Path string `yaml:"path,omitempty" json:"path,omitempty"`
	// Connect lets clients open tunnels by CONNECT to Host, at any port: their
	// bytes go to an instance of To, which speaks tcp. Default: false.
	Connect bool `yaml:"connect,omitempty" json:"connect,omitempty"`
	// Host is a host name, or *.example.com for one label and more. Empty: any.
	Host string `yaml:"host,omitempty" json:"host,omitempty"`
	// Methods are the HTTP methods that match. Empty: all.
	Methods []string `yaml:"methods,omitempty" json:"methods,omitempty"`
	// Headers must be present with these exact values to match.
	Headers map[string]string `yaml:"headers,omitempty" json:"headers,omitempty"`
	// Query parameters must be present with these exact values to match.
	Query map[string]string `yaml:"query,omitempty" json:"query,omitempty"`
	// To is the service that answers.
	To string `yaml:"to" json:"to"`
	// Rewrite replaces the matched prefix of the path. Empty: the path stays as it is.
	Rewrite string `yaml:"rewrite,omitempty" json:"rewrite,omitempty"`
	// Auth is none, optional (a token that is sent must be valid) or required. Default: none.
	Auth string `yaml:"auth,omitempty" json:"auth,omitempty"`
	// RateLimit bounds the requests of one client. Absent: no limit.
	RateLimit *RateLimit `yaml:"rate_limit,omitempty" json:"rate_limit,omitempty"`
	// CORS answers browsers of other origins. Absent: no CORS headers are added.
	CORS *CORS `yaml:"cors,omitempty" json:"cors,omitempty"`
	// MaxBody overrides the gateway's. 0: unlimited.
	MaxBody *Bytes `yaml:"max_body,omitempty" json:"max_body,omitempty"`

	Policy `yaml:",inline"`
}

// RateLimit lets Requests through per Per for each client, evenly (GCRA).
type RateLimit struct {
	// Requests is how many pass in the time Per. Range 1–1000000000.
	Requests int `yaml:"requests" json:"requests"`
	// Per is the time that Requests counts for. Range 1ms–24h.
	Per Duration `yaml:"per" json:"per"`
	// Burst is how many may come at once. Default: Requests.
	Burst int `yaml:"burst,omitempty" json:"burst,omitempty"`
	// By is address or subject (of the verified token; the address without one). Default: address.
	By string `yaml:"by,omitempty" json:"by,omitempty"`
}

// CORS is the Fetch standard's cross-origin policy of a route.
type CORS struct {
	// Origins that may read answers: https://shop.example, https://*.example.com, or *.
	Origins []string `yaml:"origins" json:"origins"`
	// Methods allowed in preflights. Default: GET, HEAD, POST, PUT, PATCH, DELETE.
	Methods []string `yaml:"methods,omitempty" json:"methods,omitempty"`
	// Headers allowed in preflights. Default: those the browser asks for.
	Headers []string `yaml:"headers,omitempty" json:"headers,omitempty"`
	// Expose lists response headers that scripts may read.
	Expose []string `yaml:"expose,omitempty" json:"expose,omitempty"`
	// Credentials allows cookies. Not together with the origin *.
	Credentials bool `yaml:"credentials,omitempty" json:"credentials,omitempty"`
	// MaxAge is how long a browser may keep a preflight's answer. Default: 10m.
	MaxAge Duration `yaml:"max_age,omitempty" json:"max_age,omitempty"`
}

// Service is one business function: a program that listens on $PORT.
type Service struct {
	// Owner is the team that answers for the service.
	Owner string `yaml:"owner,omitempty" json:"owner,omitempty"`
	// Build makes the revision's artefacts, in WorkingDir. ${out} is the revision's own directory.
	Build Command `yaml:"build,omitempty" json:"build,omitempty"`
	// Command starts an instance, in WorkingDir.
	Command Command `yaml:"command" json:"command"`
	// WorkingDir is relative to the app file. Default: the app file's directory.
	WorkingDir string `yaml:"working_dir,omitempty" json:"working_dir,omitempty"`
	// Sources are the files and directories, relative to WorkingDir, whose
	// content decides whether the service is built anew. Default: WorkingDir,
	// less what .gitignore names.
	Sources []string `yaml:"sources,omitempty" json:"sources,omitempty"`
	// Environment is added to the instance's environment; it wins over EnvFile
	// and over what Banyan injects.
	Environment Environment `yaml:"environment,omitempty" json:"environment,omitempty"`
	// EnvFile are files of KEY=value lines, relative to the app file; later ones win.
	EnvFile StringList `yaml:"env_file,omitempty" json:"env_file,omitempty"`
	// Secrets become environment variables of the instance.
	Secrets ServiceSecrets `yaml:"secrets,omitempty" json:"secrets,omitempty"`
	// Calls declares the services that this one calls, and how. What is not declared is refused.
	Calls Calls `yaml:"calls,omitempty" json:"calls,omitempty"`
	// DependsOn orders starts and stops. Default condition: service_ready.
	DependsOn DependsOn `yaml:"depends_on,omitempty" json:"depends_on,omitempty"`
	// Protocol is what the service speaks on $PORT: http (HTTP/1.1), h2c
	// (HTTP/2 without TLS, which gRPC needs) or tcp. Default: http.
	Protocol string `yaml:"protocol,omitempty" json:"protocol,omitempty"`
	// ProxyProtocol begins each connection to an instance with a PROXY header of
	// this version, 1 (text) or 2 (binary), which tells the client's address.
	// Services that speak tcp only. Default: no header.
	ProxyProtocol int `yaml:"proxy_protocol,omitempty" json:"proxy_protocol,omitempty"`
	// Concurrency bounds the requests in flight to each instance, from all
	// callers together. Not for services that speak tcp. Absent: no bound.
	Concurrency *Concurrency `yaml:"concurrency,omitempty" json:"concurrency,omitempty"`
	// Port pins the instance's port, for programs that cannot read $PORT. It
	// means one replica and the strategy recreate. Range 1–65535, less
	// 20000–29999, which Banyan gives out.
	Port int `yaml:"port,omitempty" json:"port,omitempty"`
	// Publishes are the topics on which the service may publish. All others are refused.
	Publishes []string `yaml:"publishes,omitempty" json:"publishes,omitempty"`
	// Subscribes delivers events to the service, by topic.
	Subscribes map[string]*Subscription `yaml:"subscribes,omitempty" json:"subscribes,omitempty"`
	// Database gives the service a database of its own.
	Database *Database `yaml:"database,omitempty" json:"database,omitempty"`
	// Volumes are directories that outlive instances and revisions, as
	// NAME:VARIABLE; the variable tells the program the directory's path.
	Volumes []Volume `yaml:"volumes,omitempty" json:"volumes,omitempty"`
	// Replicas is how many instances run. Range 0–1000. Default: 1.
	Replicas *int `yaml:"replicas,omitempty" json:"replicas,omitempty"`
	// Resources are reserved for, and enforced on, each instance.
	Resources *Resources `yaml:"resources,omitempty" json:"resources,omitempty"`
	// Readiness decides when an instance gets requests. Default: a TCP connect.
	Readiness *Probe `yaml:"readiness,omitempty" json:"readiness,omitempty"`
	// Liveness restarts an instance that fails it. Default: none.
	Liveness *Probe `yaml:"liveness,omitempty" json:"liveness,omitempty"`
	// Metrics says where instances offer metrics in the formats of Prometheus.
	// Absent: they are not asked for any.
	Metrics *Metrics `yaml:"metrics,omitempty" json:"metrics,omitempty"`
	// Update says how a new revision replaces the old one.
	Update *Update `yaml:"update,omitempty" json:"update,omitempty"`
	// Restart is always, on-failure or no. Default: always.
	Restart string `yaml:"restart,omitempty" json:"restart,omitempty"`
	// StopSignal asks the instance to stop: SIGTERM, SIGINT, SIGQUIT, SIGHUP,
	// SIGUSR1, SIGUSR2, SIGWINCH or SIGKILL. Default: SIGTERM.
	StopSignal string `yaml:"stop_signal,omitempty" json:"stop_signal,omitempty"`
	// StopGracePeriod is the time from the stop signal to SIGKILL. Default: 10s.
	StopGracePeriod *Duration `yaml:"stop_grace_period,omitempty" json:"stop_grace_period,omitempty"`
	// DrainTimeout bounds the wait for requests in flight before the stop signal. Default: 30s.
	DrainTimeout *Duration `yaml:"drain_timeout,omitempty" json:"drain_timeout,omitempty"`
	// StartTimeout is the time an instance may take to become ready. Default: 60s.
	StartTimeout Duration `yaml:"start_timeout,omitempty" json:"start_timeout,omitempty"`
	// BuildTimeout bounds a build. Default: 10m.
	BuildTimeout Duration `yaml:"build_timeout,omitempty" json:"build_timeout,omitempty"`
	// User is the operating system user that instances run as. Only root can
	// choose. Default as root: an unprivileged uid of the service's own.
	User string `yaml:"user,omitempty" json:"user,omitempty"`
	// Requires are runtimes that must be on PATH: node, node>=20, python3>=3.9.
	Requires []string `yaml:"requires,omitempty" json:"requires,omitempty"`
	// Optional leaves the service out, with a warning, where Requires is not met.
	Optional bool `yaml:"optional,omitempty" json:"optional,omitempty"`
	// Profiles include the service only when one of them is asked for. Empty: always.
	Profiles []string `yaml:"profiles,omitempty" json:"profiles,omitempty"`
}

// Job is a program that runs to completion.
type Job struct {
	// Owner is the team that answers for the job.
	Owner string `yaml:"owner,omitempty" json:"owner,omitempty"`
	// Build makes the revision's artefacts, in WorkingDir. ${out} is the revision's own directory.
	Build Command `yaml:"build,omitempty" json:"build,omitempty"`
	// Command is what runs, in WorkingDir. Exit code 0 is success.
	Command Command `yaml:"command" json:"command"`
	// WorkingDir is relative to the app file. Default: the app file's directory.
	WorkingDir string `yaml:"working_dir,omitempty" json:"working_dir,omitempty"`
	// Sources are the files and directories, relative to WorkingDir, whose
	// content decides whether the job is built anew. Default: WorkingDir,
	// less what .gitignore names.
	Sources []string `yaml:"sources,omitempty" json:"sources,omitempty"`
	// Environment is added to the job's environment; it wins over EnvFile and
	// over what Banyan injects.
	Environment Environment `yaml:"environment,omitempty" json:"environment,omitempty"`
	// EnvFile are files of KEY=value lines, relative to the app file; later ones win.
	EnvFile StringList `yaml:"env_file,omitempty" json:"env_file,omitempty"`
	// Secrets become environment variables of the job.
	Secrets ServiceSecrets `yaml:"secrets,omitempty" json:"secrets,omitempty"`
	// Calls declares the services that the job calls, and how. What is not declared is refused.
	Calls Calls `yaml:"calls,omitempty" json:"calls,omitempty"`
	// Publishes are the topics on which the job may publish. All others are refused.
	Publishes []string `yaml:"publishes,omitempty" json:"publishes,omitempty"`
	// DependsOn says what a run waits for. Default condition: service_ready for
	// services, job_completed for jobs.
	DependsOn DependsOn `yaml:"depends_on,omitempty" json:"depends_on,omitempty"`
	// Resources are reserved for, and enforced on, each run.
	Resources *Resources `yaml:"resources,omitempty" json:"resources,omitempty"`
	// User is the operating system user that the job runs as. Only root can
	// choose. Default as root: an unprivileged uid of the job's own.
	User string `yaml:"user,omitempty" json:"user,omitempty"`
	// Requires are runtimes that must be on PATH: node, node>=20, python3>=3.9.
	Requires []string `yaml:"requires,omitempty" json:"requires,omitempty"`
	// Optional leaves the job out, with a warning, where Requires is not met.
	Optional bool `yaml:"optional,omitempty" json:"optional,omitempty"`
	// Profiles include the job only when one of them is asked for. Empty: always.
	Profiles []string `yaml:"profiles,omitempty" json:"profiles,omitempty"`
	// BuildTimeout bounds a build. Default: 10m.
	BuildTimeout Duration `yaml:"build_timeout,omitempty" json:"build_timeout,omitempty"`
	// Schedule is a cron expression of five fields, @hourly, @every 10m, in
	// local time. Empty: the job runs once for each of its revisions.
	Schedule string `yaml:"schedule,omitempty" json:"schedule,omitempty"`
	// Timeout ends a run that takes longer. Default: none.
	Timeout Duration `yaml:"timeout,omitempty" json:"timeout,omitempty"`
	// Retries is how often a failed run is tried again, with backoff. Range 0–100. Default: 0.
	Retries int `yaml:"retries,omitempty" json:"retries,omitempty"`
}

// Call is one edge: the caller's rules for one callee. For a callee that speaks
// tcp only Breaker can be set.
type Call struct {
	Policy `yaml:",inline"`
}

// Concurrency bounds the requests in flight to one instance; in the file a
// number, or a mapping.
type Concurrency struct {
	// Max is the limit, or with Adaptive its upper bound. Range 1–1000000.
	Max int `yaml:"max" json:"max"`
	// Adaptive finds the limit from the latency of the instance's answers. Default: false.
	Adaptive bool `yaml:"adaptive,omitempty" json:"adaptive,omitempty"`
}

// Dependency says what a service waits for before it starts.
type Dependency struct {
	// Condition is service_started, service_ready (Compose's service_healthy is
	// accepted) or job_completed (service_completed_successfully is accepted).
	// Default: service_ready for services, job_completed for jobs.
	Condition string `yaml:"condition,omitempty" json:"condition,omitempty"`
}

// Volume is a directory that outlives instances and revisions.
type Volume struct {
	// Name of the directory, below the service's data directory.
	Name string `yaml:"name" json:"name"`
	// Env is the variable that tells the program the directory's absolute path.
	Env string `yaml:"env" json:"env"`
}

// Resources are what one instance may use.
type Resources struct {
	// CPU in cores: 0.5 is half of one. Range 0–4096. 0: no limit.
	CPU float64 `yaml:"cpu,omitempty" json:"cpu,omitempty"`
	// Memory in bytes: 128Mi. 0: no limit.
	Memory Bytes `yaml:"memory,omitempty" json:"memory,omitempty"`
}

// Probe asks an instance how it is. Field meanings are Kubernetes'; exactly
// one of HTTP, TCP, Exec and Log is set.
type Probe struct {
	// HTTP is a path on $PORT that answers 200–399.
	HTTP string `yaml:"http,omitempty" json:"http,omitempty"`
	// TCP connects to $PORT.
	TCP bool `yaml:"tcp,omitempty" json:"tcp,omitempty"`
	// Exec runs a command in the instance's environment; exit code 0 is success.
	Exec Command `yaml:"exec,omitempty" json:"exec,omitempty"`
	// Log is a regular expression that a line of output matches once. Readiness only.
	Log string `yaml:"log,omitempty" json:"log,omitempty"`
	// InitialDelay is the wait before the first probe. Default: 0s.
	InitialDelay Duration `yaml:"initial_delay,omitempty" json:"initial_delay,omitempty"`
	// Period between probes. Default: 10s; until first ready, readiness is
	// asked every 100ms at the most.
	Period Duration `yaml:"period,omitempty" json:"period,omitempty"`
	// Timeout of one probe. Default: 1s.
	Timeout Duration `yaml:"timeout,omitempty" json:"timeout,omitempty"`
	// SuccessThreshold is how many successes in a row make it ready. Default: 1.
	SuccessThreshold int `yaml:"success_threshold,omitempty" json:"success_threshold,omitempty"`
	// FailureThreshold is how many failures in a row make it unready, or for
	// liveness restart it. Default: 3.
	FailureThreshold int `yaml:"failure_threshold,omitempty" json:"failure_threshold,omitempty"`
}

// Metrics is where each instance offers metrics in the text format of Prometheus or
// OpenMetrics. They are fetched every 15 seconds, and get the labels service and instance.
type Metrics struct {
	// Path is on $PORT. Default: /metrics.
	Path string `yaml:"path,omitempty" json:"path,omitempty"`
}

// Update says how a new revision replaces the old one.
type Update struct {
	// Strategy is rolling (start the new instance, route to it, then stop an
	// old one) or recreate (stop all, then start). Default: rolling; recreate
	// where Port is set.
	Strategy string `yaml:"strategy,omitempty" json:"strategy,omitempty"`
}

// Secret is where a secret's value comes from.
type Secret struct {
	// File holds the value, relative to the app file.
	File string `yaml:"file,omitempty" json:"file,omitempty"`
	// Environment is the variable of `banyan up`'s environment that holds it.
	Environment string `yaml:"environment,omitempty" json:"environment,omitempty"`
}
