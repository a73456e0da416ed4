package proxy

import (
	"bytes"
	"net/netip"

	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/route"
)

var (
	via1 = []byte("1.1 banyan")
	via2 = []byte("2.0 banyan")
)

// begin makes the request's head what the instance gets. What ends at a hop is
// out of it already; the head is changed in place, once for all tries.
func (x *exchange) begin() {
	h := x.req
	via := via1
	if h.Major == 2 {
		via = via2
	}
	h.Scheme = schemeHTTP // of the hop to the instance
	h.Remove(message.ProxyAuthorization)
	h.Add(message.Via, via)
	stripUnderscored(h, "banyan-caller")
	h.Set(message.BanyanCaller, x.caller)
	x.reqID = requestID(h)
	x.trace = continueTrace(h)
}

// nameHost gives a request that names no host the callee as one. HTTP/1.0 need not
// name any, but the request goes on as HTTP/1.1, and some services refuse an empty
// one. nginx, too, sends the name that it knows the service by.
func (x *exchange) nameHost() {
	if len(x.req.Authority) == 0 {
		x.req.Authority = x.req.TakeString(x.edg.callee)
	}
}

// stripUnderscored removes the spellings of a header with underscores: CGI-like
// servers (WSGI, Rack, PHP) do not tell them from the real one. name is lower case.
func stripUnderscored(h *message.Head, name string) {
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.ID == message.Other && len(f.Name) == len(name) && bytes.IndexByte(f.Name, '_') >= 0 && message.EqualFold(dashed(f.Name), name) {
			f.ID = message.Removed
		}
	}
}

// dashed is a field's name as CGI-like servers read it.
func dashed(name []byte) []byte { return bytes.ReplaceAll(name, []byte("_"), []byte("-")) }

var (
	schemeHTTP  = []byte("http")
	schemeHTTPS = []byte("https")
)

// forwardedBy replaces what a client from outside says about where it comes from.
func forwardedBy(h *message.Head, from netip.Addr, secure bool) (clientIP []byte) {
	for i := range h.Fields {
		f := &h.Fields[i]
		switch {
		case f.ID == message.Cookie:
			withoutDashboard(h, f)
		case forgeable(f):
			f.ID = message.Removed
		}
	}
	clientIP = from.AppendTo(h.Space(46)[:0])
	h.Add(message.XForwardedFor, clientIP)
	if len(h.Authority) > 0 {
		h.Add(message.XForwardedHost, h.Authority)
	}
	if secure {
		h.Add(message.XForwardedProto, schemeHTTPS)
	} else {
		h.Add(message.XForwardedProto, schemeHTTP)
	}
	return clientIP
}

// forgeable reports whether only the gateway may set the header: services trust
// it. Underscores count as dashes, see stripUnderscored.
func forgeable(f *message.Field) bool {
	switch f.ID {
	case message.XForwardedFor, message.XForwardedHost, message.XForwardedProto, message.XRealIP, message.Forwarded,
		message.BanyanCache, message.BanyanCaller, message.BanyanDeadline, message.BanyanError, message.BanyanFallback, message.BanyanMirror:
		return true
	case message.Other:
	default:
		return false
	}
	switch f.Name[0] | 0x20 {
	case 'x', 'f', 'b':
	default:
		return false
	}
	name := f.Name
	if bytes.IndexByte(name, '_') >= 0 {
		name = dashed(name)
	}
	return foldPrefix(name, "x-forwarded-") || foldPrefix(name, "banyan-") ||
		message.EqualFold(name, "forwarded") || message.EqualFold(name, "x-real-ip")
}

// foldPrefix reports whether name begins with prefix but for case.
func foldPrefix(name []byte, prefix string) bool {
	return len(name) >= len(prefix) && message.EqualFold(name[:len(prefix)], prefix)
}

// sign makes the service's head the data plane's: it alone says Banyan-Error and
// the like, and X-Request-Id.
func (x *exchange) sign(h *message.Head) {
	for i := range h.Fields {
		switch f := &h.Fields[i]; f.ID {
		case message.BanyanError:
			if x.edg.callee != route.Platform { // which is ours too, and says why as we do
				f.ID = message.Removed
			}
		case message.BanyanCache, message.BanyanFallback, message.ProxyAuthenticate:
			f.ID = message.Removed
		default:
		}
	}
	x.cacheSees(h)
	h.Set(message.XRequestID, x.reqID)
	if x.fallback != nil {
		h.Set(message.BanyanFallback, x.fallback)
	}
	x.giveCookie(h)
	x.adjustHead(h)
}

// adjustHead adds what the route's filters have to say.
func (x *exchange) adjustHead(h *message.Head) {
	if len(x.adjust) == 0 {
		return
	}
	header := h.Header()
	for _, fn := range x.adjust {
		fn(header)
	}
	h.Fields = h.Fields[:0]
	for name, values := range header {
		for _, v := range values {
			h.AddNamed(h.TakeString(name), h.TakeString(v))
		}
	}
}
