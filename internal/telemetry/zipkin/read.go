package zipkin

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// unknown is what Zipkin calls a service that has no name.
const unknown = "unknown"

// sender is the attribute of a resource that says by whose address the span came,
// where it says that it is another's.
const sender = "banyan.service"

// read decodes a list of spans. One that is none refuses them all. They are decoded
// one by one, so that what is none costs little before it is found to be.
func read(body []byte, from string) ([]signal.Span, error) {
	d := json.NewDecoder(bytes.NewReader(body)) // replaces what is no UTF-8, and bounds how deep it goes
	if open, err := d.Token(); err != nil || open != json.Delim('[') {
		return nil, fault.New(fault.Invalid, "the request is not Zipkin's: it is no JSON list of spans of version 2")
	}
	resources := map[endpoint]*signal.Resource{}
	var out []signal.Span
	for d.More() {
		var in span
		if err := d.Decode(&in); err != nil {
			return nil, fault.New(fault.Invalid, "span %d of the request: %w", len(out), err)
		}
		s, why := in.signal(resourceOf(resources, in.Local, from), signal.Scope{Name: "zipkin"})
		if why != "" {
			return nil, fault.New(fault.Invalid, "span %d of the request: %s", len(out), why)
		}
		out = append(out, s)
	}
	if _, err := d.Token(); err != nil { // its end
		return nil, fault.New(fault.Invalid, "the request is not Zipkin's: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fault.New(fault.Invalid, "the request is not Zipkin's: something follows the list of spans")
	}
	return out, nil
}

// resourceOf is the resource of an endpoint, one for all spans of a request.
func resourceOf(known map[endpoint]*signal.Resource, local *endpoint, from string) *signal.Resource {
	var e endpoint
	if local != nil {
		e = *local
	}
	if r := known[e]; r != nil {
		return r
	}
	r := &signal.Resource{Service: e.Service}
	if ip := e.address(); ip != "" {
		r.Attrs = append(r.Attrs, signal.Attr{Key: "host.ip", Value: signal.Text(ip)})
	}
	switch {
	case from == "" && r.Service == "":
		r.Service = unknown
	case from == "":
	case r.Service == "", r.Service == unknown, strings.EqualFold(r.Service, from): // Zipkin's names are in lower case
		r.Service = from
	default:
		r.Attrs = append(r.Attrs, signal.Attr{Key: sender, Value: signal.Text(from)})
	}
	known[e] = r
	return r
}

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
