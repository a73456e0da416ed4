package signal

// Kind is OpenTelemetry's kind of a span, by its numbers on the wire.
type Kind uint8

// The kinds of spans.
const (
	KindUnspecified Kind = iota
	KindInternal
	KindServer
	KindClient
	KindProducer
	KindConsumer
)

// Status is OpenTelemetry's status of a span, by its numbers on the wire.
type Status uint8

// The statuses of spans.
const (
	StatusUnset Status = iota
	StatusOK
	StatusError
)

// Resource is what a record is about: an instance of a service. Many records share one.
type Resource struct {
	// Service is service.name, or the service that the record came from.
	Service string
	// Instance and Revision are those of Banyan, where it is known which they are.
	Instance, Revision string
	// Attrs are all others; service.name is not among them.
	Attrs Attrs
}

// Scope is the library that made a record.
type Scope struct {
	Name, Version string
}

// Scopes of what Banyan itself saw. A span of ScopeDataPlane is one hop, from the
// caller's request to the answer's end, and its resource is who was called: it stands
// between a span of the caller and one of the callee.
const (
	ScopeDataPlane = "banyan.dataplane"
	ScopeBus       = "banyan.bus"
	ScopeSaga      = "banyan.saga"
	ScopeOutput    = "banyan.output" // lines of stdout and stderr
)

// Span is one operation of a trace.
type Span struct {
	Trace      TraceID
	ID, Parent SpanID
	Name       string
	Kind       Kind
	// Start and End are nanoseconds since 1970. End is not before Start.
	Start, End int64
	Status     Status
	// Message says more of an error.
	Message string
	// State is tracestate.
	State    string
	Resource *Resource // never nil
	Scope    Scope
	Attrs    Attrs
	Events   []Event
	Links    []Link
}

// Duration is how long it took, in nanoseconds.
func (s *Span) Duration() int64 { return s.End - s.Start }

// Event is something that happened within a span.
type Event struct {
	Time  int64 // nanoseconds since 1970
	Name  string
	Attrs Attrs
}

// Link is another span that one has to do with.
type Link struct {
	Trace TraceID
	Span  SpanID
	Attrs Attrs
}
