package appfile

// Conditions of depends_on.
const (
	ServiceStarted = "service_started" // a process of it runs
	ServiceReady   = "service_ready"   // an instance of it is ready
	JobCompleted   = "job_completed"   // its run ended with exit code 0
)

// Strategies of update.
const (
	Rolling  = "rolling"  // start the new, route to it, stop the old
	Recreate = "recreate" // stop all of the old, start the new
)

// Values of restart.
const (
	RestartAlways    = "always"
	RestartOnFailure = "on-failure"
	RestartNo        = "no"
)

// Protocols of a service.
const (
	ProtocolHTTP = "http" // HTTP/1.1
	ProtocolH2C  = "h2c"  // HTTP/2 without TLS; gRPC needs it
	ProtocolTCP  = "tcp"
)
