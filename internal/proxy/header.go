package proxy

import (
	"net"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/banyanrun/banyan/internal/route"
)

const callerHeader = "Banyan-Caller"

// hopByHop are the headers that end at each hop (RFC 9110, 7.6.1, and older practice).
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// dropHopByHop removes them, and those that Connection names.
func dropHopByHop(h http.Header) {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = textproto.TrimString(name); name != "" {
				h.Del(name)
			}
		}
	}
	for _, name := range hopByHop {
		delete(h, name)
	}
}

// upgradeType is the protocol that h asks to switch to, "" if none.
func upgradeType(h http.Header) string {
	if !hasToken(h["Connection"], "upgrade") {
		return ""
	}
	return h.Get("Upgrade")
}

func hasToken(lines []string, token string) bool {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(textproto.TrimString(part), token) {
				return true
			}
		}
	}
	return false
}

// begin makes the request's header what the instance gets, first of all: what
// Connection names is dropped before anything of ours is set. The header is
// changed in place, once: copying it would cost more than all else here.
func (x *exchange) begin() {
	h := x.r.Header
	x.upgrade = upgradeType(h)
	trailers := hasToken(h["Te"], "trailers")
	dropHopByHop(h)
	if trailers {
		h["Te"] = []string{"trailers"}
	}
	h["Via"] = append(h["Via"], viaOf(x.r))
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = []string{""} // or net/http adds its own
	}
	stripUnderscored(h, "banyan-caller")
	h[callerHeader] = []string{x.caller}
	x.reqID = requestID(h)
	x.trace = continueTrace(h)
}

// askUpgrade passes on the client's wish to switch protocols, where the service could.
func (x *exchange) askUpgrade() {
	if x.upgrade != "" && x.r.ProtoMajor == 1 && x.edg.svc.protocol != route.H2C {
		x.r.Header["Connection"], x.r.Header["Upgrade"] = []string{"Upgrade"}, []string{x.upgrade}
	}
}

func viaOf(r *http.Request) string {
	if r.ProtoMajor == 2 {
		return "2.0 banyan"
	}
	return "1.1 banyan"
}

// stripUnderscored removes the spellings of a header with underscores: CGI-like
// servers (WSGI, Rack, PHP) do not tell them from the real one. name is lower case.
func stripUnderscored(h http.Header, name string) {
	for k := range h {
		if strings.IndexByte(k, '_') >= 0 && strings.EqualFold(strings.ReplaceAll(k, "_", "-"), name) {
			delete(h, k)
		}
	}
}

// forwardedBy replaces what a client from outside says about where it comes from.
func forwardedBy(r *http.Request) (clientIP string) {
	h := r.Header
	for k := range h {
		if forgeable(k) {
			delete(h, k)
		}
	}
	clientIP, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		clientIP = r.RemoteAddr
	}
	h["X-Forwarded-For"] = []string{clientIP}
	h["X-Forwarded-Host"] = []string{r.Host}
	proto := "http"
	if r.TLS != nil {
		proto = "https"
	}
	h["X-Forwarded-Proto"] = []string{proto}
	return clientIP
}

// forgeable reports whether only the gateway may set the header: services trust
// it. Underscores count as dashes, see stripUnderscored.
func forgeable(k string) bool {
	switch k[0] {
	case 'X', 'F', 'B':
	default:
		return false
	}
	if strings.IndexByte(k, '_') >= 0 {
		k = textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(k, "_", "-"))
	}
	return strings.HasPrefix(k, "X-Forwarded-") || strings.HasPrefix(k, "Banyan-") || k == "Forwarded" || k == "X-Real-Ip"
}

// isDataPlanes reports whether a header of an answer is the data plane's to set.
func isDataPlanes(k string) bool { return k == errorHeader || k == "X-Request-Id" }
