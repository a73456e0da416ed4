package red

import (
	"cmp"
	"strings"

	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// cacheMost bounds names and resources that are kept to be shared.
const cacheMost = 20_000

// Tracer turns spans of the data plane into those of package signal. The zero value
// is ready. Only one goroutine at a time uses it.
type Tracer struct {
	resources map[origin]*signal.Resource
	names     map[operation]string
}

// origin is what a span is about.
type origin struct{ service, instance, revision string }

// operation is what gives a span its name.
type operation struct{ method, target string }

// Spans returns what they are in package signal. Nothing of from is kept but strings.
func (t *Tracer) Spans(from []account.Span) []signal.Span {
	const most = 8 // attributes of a span
	spans := make([]signal.Span, len(from))
	attrs := make(signal.Attrs, 0, most*len(from))
	for i := range from {
		f := &from[i]
		begin := len(attrs)
		attrs = appendAttrs(attrs, f)
		to := &spans[i]
		*to = signal.Span{
			Trace: f.Trace, ID: f.ID, Parent: f.Parent, Name: t.name(f), Kind: signal.KindServer,
			Start: f.Start, End: f.Start + int64(max(0, f.Duration)),
			Resource: t.resource(f), Scope: signal.Scope{Name: signal.ScopeDataPlane},
			Attrs: attrs[begin:len(attrs):len(attrs)],
		}
		if f.Failed {
			to.Status, to.Message = signal.StatusError, f.Code
		}
	}
	return spans
}

func appendAttrs(attrs signal.Attrs, f *account.Span) signal.Attrs {
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, signal.Attr{Key: key, Value: signal.Text(value)})
		}
	}
	if f.Callee != "" {
		add("banyan.caller", f.Caller)
	}
	add("http.request.method", f.Method)
	add("http.route", f.Route)
	add("url.path", strings.ToValidUTF8(f.Path(), "\uFFFD")) // it is cut anywhere, and was never checked
	if f.Status != 0 {
		attrs = append(attrs, signal.Attr{Key: "http.response.status_code", Value: signal.Integer(int64(f.Status))})
	}
	add("banyan.code", f.Code)
	if f.Tries != 1 { // which is what nearly all have
		attrs = append(attrs, signal.Attr{Key: "banyan.tries", Value: signal.Integer(int64(f.Tries))})
	}
	return attrs
}

// name is the method with the route, or the service where there is none.
func (t *Tracer) name(f *account.Span) string {
	op := operation{f.Method, cmp.Or(f.Route, f.Callee)}
	if name, ok := t.names[op]; ok {
		return name
	}
	if t.names == nil || len(t.names) >= cacheMost {
		t.names = map[operation]string{}
	}
	name := strings.TrimSpace(op.method + " " + op.target)
	t.names[op] = name
	return name
}

// resource is who was called. Where a request came to nobody, it is who called.
func (t *Tracer) resource(f *account.Span) *signal.Resource {
	key := origin{cmp.Or(f.Callee, f.Caller), f.Instance, f.Revision}
	if r := t.resources[key]; r != nil {
		return r
	}
	if t.resources == nil || len(t.resources) >= cacheMost {
		t.resources = map[origin]*signal.Resource{}
	}
	r := &signal.Resource{Service: key.service, Instance: key.instance, Revision: key.revision}
	t.resources[key] = r
	return r
}
