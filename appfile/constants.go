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

// Engines of the bus.
const (
	EngineEmbedded = "embedded" // Banyan's own
	EngineNATS     = "nats"
	EngineKafka    = "kafka"
	EngineRabbitMQ = "rabbitmq"
)

// Values of Retention.Full.
const (
	FullRefuse     = "refuse"      // publishing is refused
	FullDropOldest = "drop_oldest" // the oldest events go
)

// Words of Subscription.From.
const (
	FromNew = "new" // with what is published from then on
	FromAll = "all" // with the oldest event that is kept
)

// Modes of Subscription.Content.
const (
	ContentBinary     = "binary"     // attributes as headers
	ContentStructured = "structured" // all in one JSON body
)

// Values of Topic.Compatibility.
const (
	CompatibilityBackward = "backward" // a new schema accepts what the old one accepts
	CompatibilityNone     = "none"     // any new schema may come
)

// Protocols of a service.
const (
	ProtocolHTTP = "http" // HTTP/1.1
	ProtocolH2C  = "h2c"  // HTTP/2 without TLS; gRPC needs it
	ProtocolTCP  = "tcp"
)
