package otlp

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Attributes of resources that have places of their own.
const (
	serviceName     = "service.name"
	serviceInstance = "service.instance.id"
	revision        = "banyan.revision"
	// sender is the service whose address was used, where the record says that it
	// is another's.
	sender = "banyan.service"
)

// unknownService is what SDKs begin a name with that nobody gave.
const unknownService = "unknown_service"

// resourceOf reads a resource that came from a service; empty: it is not known from which.
func resourceOf(m pcommon.Map, from string) *signal.Resource {
	r := &signal.Resource{}
	if n := m.Len(); n > 0 {
		r.Attrs = make(signal.Attrs, 0, n)
	}
	for k, v := range m.All() {
		switch k {
		case serviceName:
			first(&r.Service, v)
		case serviceInstance:
			first(&r.Instance, v)
		case revision:
			first(&r.Revision, v)
		case sender: // ours alone
		default:
			r.Attrs = append(r.Attrs, signal.Attr{Key: utf(k), Value: valueOf(v)})
		}
	}
	switch {
	case from == "":
		if r.Service == "" {
			r.Service = unknownService
		}
	case r.Service == "", strings.HasPrefix(r.Service, unknownService):
		r.Service = from
	case r.Service != from:
		r.Attrs = append(r.Attrs, signal.Attr{Key: sender, Value: signal.Text(from)})
	}
	return r
}

// first sets what is not set yet.
func first(to *string, v pcommon.Value) {
	if *to == "" {
		*to = valueOf(v).String()
	}
}

func scopeOf(s pcommon.InstrumentationScope) signal.Scope {
	return signal.Scope{Name: utf(s.Name()), Version: utf(s.Version())}
}
