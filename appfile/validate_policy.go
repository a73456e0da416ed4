package appfile

import (
	"fmt"
	"mime"
	"slices"
	"strings"
	"time"
)

// edge is the call or the route whose policy is checked.
type edge struct {
	path   string
	caller string // empty: the gateway
	callee string
	// connect: a route of the gateway that takes CONNECT.
	connect bool
}

// policy checks what concerns more than one key of a call or a route.
func (v *validator) policy(e edge, p *Policy) {
	if s := v.app.Services[e.callee]; s != nil && s.Protocol == ProtocolTCP {
		if e.caller != "" || e.connect { // another route to it is refused as such
			v.streamPolicy(e, p)
		}
		return
	}
	timeout := Duration(30 * time.Second)
	if p.Timeout != nil {
		timeout = *p.Timeout
	}
	if v.isBad(join(e.path, "timeout")) {
		timeout = 0
	}
	if timeout > 0 && p.TryTimeout >= timeout {
		v.report(join(e.path, "try_timeout"), fmt.Sprintf("try_timeout is %s, and timeout, which all tries share, is %s", p.TryTimeout, timeout), "write a try_timeout below timeout, or raise timeout")
	}
	if h := p.Hedge; h != nil && timeout > 0 && h.After >= timeout {
		v.report(join(e.path, "hedge", "after"), fmt.Sprintf("hedge waits %s for another try, and timeout is %s: there never is one", h.After, timeout), "write about what nine in ten requests take, such as after: 50ms")
	}
	if o := p.Outlier; o != nil && o.Base > o.Max && o.Max > 0 {
		v.report(join(e.path, "outlier", "max"), fmt.Sprintf("the longest time out, max, is %s, and the first, base, is %s", o.Max, o.Base), "write a max of at least base")
	}
	if p.Balance != nil {
		v.balance(e, p.Balance)
	}
	if p.Fallback != nil {
		v.fallback(e, p)
	}
	if m := p.Mirror; m != nil && m.To != "" {
		v.otherService(e, join(e.path, "mirror", "to"), "mirror", m.To)
	}
	if c := p.Cache; c != nil && c.MaxObject > c.MaxBytes && c.MaxBytes > 0 {
		v.report(join(e.path, "cache", "max_object"), fmt.Sprintf("one object may have %s, and the whole cache has %s", c.MaxObject, c.MaxBytes), "write a max_object of at most max_bytes")
	}
	if p.Fault != nil {
		v.fault(join(e.path, "fault"), p.Fault)
	}
}

// streamPolicy refuses what needs requests where there are only bytes.
func (v *validator) streamPolicy(e edge, p *Policy) {
	const noRequests = "where there is no telling what a request is"
	for _, k := range []struct {
		key string
		set bool
		why string
	}{
		{"timeout", p.Timeout != nil && *p.Timeout > 0, "which has no response to wait for"},
		{"try_timeout", p.TryTimeout > 0, "which has no response to wait for"},
		{"retries", p.Retries != nil && *p.Retries > 0, "where nothing can be sent again: there is no telling what a request is"},
		{"retry_budget", p.RetryBudget > 0, "where nothing can be sent again: there is no telling what a request is"},
		{"outlier", p.Outlier != nil, noRequests},
		{"balance", p.Balance != nil, noRequests},
		{"bulkhead", p.Bulkhead > 0, noRequests},
		{"hedge", p.Hedge != nil, noRequests},
		{"fallback", p.Fallback != nil, noRequests},
		{"mirror", p.Mirror != nil, noRequests},
		{"cache", p.Cache != nil, noRequests},
		{"fault", p.Fault != nil, noRequests},
	} {
		if k.set {
			v.report(join(e.path, k.key), fmt.Sprintf("%s speaks tcp, %s", e.callee, k.why), "remove "+k.key)
		}
	}
}

func (v *validator) balance(e edge, b *Balance) {
	path := join(e.path, "balance")
	if v.isBad(path) {
		return
	}
	var keys []string
	for _, k := range []struct {
		name string
		set  bool
	}{{"header", b.Header != ""}, {"cookie", b.Cookie != ""}, {"source", b.Source}} {
		if k.set || v.isBad(join(path, k.name)) {
			keys = append(keys, k.name)
		}
	}
	switch {
	case b.By == balanceHash && len(keys) == 0:
		v.report(join(path, "by"), "balance by hash does not say of what", "write balance: {by: hash, header: X-User-Id}, or cookie: NAME, or source: true")
	case b.By == balanceHash && len(keys) > 1:
		v.report(join(path, keys[1]), "balance by hash has "+strings.Join(keys, " and "), "keep one of them")
	case b.By != balanceHash && len(keys) > 0 && slices.Contains(balances, b.By):
		v.report(join(path, keys[0]), fmt.Sprintf("balance by %s has no use for %s", b.By, keys[0]), "write by: hash, or remove "+keys[0])
	}
	if b.Header != "" && !isToken(b.Header) {
		v.report(join(path, "header"), fmt.Sprintf("%s cannot be the name of a header", quote(b.Header)), headerFix(b.Header))
	}
	if b.Cookie != "" && !isToken(b.Cookie) {
		v.report(join(path, "cookie"), fmt.Sprintf("%s cannot be the name of a cookie", quote(b.Cookie)), "use letters, digits, - and _")
	}
	if b.Source && e.caller != "" {
		v.warn(v.at(join(path, "source")), fmt.Sprintf("%s calls from one address, so that one instance of %s gets all its requests", e.caller, e.callee), "hash a header or a cookie; source: true is for routes")
	}
}

func (v *validator) fallback(e edge, p *Policy) {
	f, path := p.Fallback, join(e.path, "fallback")
	if v.isBad(path) {
		return
	}
	bad := func(keys ...string) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return v.isBad(join(path, k)) })
	}
	static := f.Status != 0 || f.Body != ""
	switch {
	case f.Stale == 0 && f.Service == "" && !static && !bad("stale", "service", "status", "body"):
		v.report(path, "fallback does not say what answers", "add stale: 5m, service: NAME, or status: 200 with a body")
		return
	case f.Type != "" && !static && !bad("status", "body"):
		v.report(join(path, "type"), "type is that of a fixed answer, and there is none", "add body: or status:, or remove type")
	case f.Body != "" && (f.Status == 204 || f.Status == 304):
		v.report(join(path, "body"), fmt.Sprintf("an answer with status %d has no body", f.Status), "remove body, or write status: 200")
	}
	if f.Type != "" && static {
		if _, _, err := mime.ParseMediaType(f.Type); err != nil || !strings.Contains(f.Type, "/") {
			v.report(join(path, "type"), fmt.Sprintf("%s is not a media type", quote(f.Type)), orElse(mediaTypes[strings.ToLower(f.Type)], "write application/json, for example"))
		}
	}
	if f.Stale > 0 && p.Cache == nil && !v.isBad(join(e.path, "cache")) {
		v.report(join(path, "stale"), "stale answers come from a cache, and there is none", "add cache: true beside fallback")
	}
	if f.Service != "" {
		v.otherService(e, join(path, "service"), "fallback", f.Service)
	}
}

// mediaTypes are what short words for them mean.
var mediaTypes = map[string]string{
	"json": "write application/json", "html": "write text/html", "text": "write text/plain", "plain": "write text/plain", "xml": "write application/xml",
}

// otherService checks the service that a fallback or a mirror names.
func (v *validator) otherService(e edge, at, what, name string) {
	s, ok := v.app.Services[name]
	switch {
	case !ok && v.app.Jobs[name] != nil:
		v.report(at, fmt.Sprintf("the %s is %s, which is a job and takes no requests", what, name), "name a service")
	case !ok && strings.ContainsAny(name, ":/"):
		v.report(at, fmt.Sprintf("the %s is %s, which is not a service of this app", what, quote(name)), "write the service's name alone: "+suggestName(hostOf(name), v.serviceNames(), "services"))
	case !ok:
		v.report(at, fmt.Sprintf("the %s is %s, which is not a service of this app", what, quote(name)), suggestName(name, v.serviceNames(), "services"))
	case name == e.callee && what == "fallback":
		v.report(at, fmt.Sprintf("the fallback of %s is %s itself", name, name), "name another service, or raise retries")
	case name == e.callee:
		v.report(at, fmt.Sprintf("%s would get each request twice: it is its own mirror", name), "name another service")
	case name == e.caller:
		v.report(at, fmt.Sprintf("the %s is %s, the caller itself", what, name), "name another service")
	case s != nil && s.Protocol == ProtocolTCP:
		v.report(at, fmt.Sprintf("the %s is %s, which speaks tcp and takes no requests", what, name), "name a service that speaks http or h2c")
	}
}

func (v *validator) fault(path string, f *Fault) {
	if v.isBad(path) {
		return
	}
	bad := func(key string) bool { return v.isBad(join(path, key)) }
	switch {
	case f.DelayPercent != 0 && f.Delay == 0 && !bad("delay"):
		v.report(join(path, "delay_percent"), "delay_percent says how many, and there is no delay", "add delay: 100ms, for example, or remove delay_percent")
	case f.AbortPercent != 0 && f.Abort == 0 && !bad("abort"):
		v.report(join(path, "abort_percent"), "abort_percent says how many, and there is no abort", "add abort: 503, for example, or remove abort_percent")
	case f.Delay == 0 && f.Abort == 0 && !bad("delay") && !bad("abort"):
		v.report(path, "fault does not say what goes wrong", "add delay: 100ms or abort: 503")
	}
}

// dataPlane checks what a service asks of the data plane for all its callers.
func (v *validator) dataPlane(name, path string, s *Service) {
	isTCP := s.Protocol == ProtocolTCP
	if s.ProxyProtocol != 0 && !isTCP && slices.Contains(protocols, s.Protocol) {
		v.report(join(path, "proxy_protocol"), fmt.Sprintf("a PROXY header begins a tcp connection, and %s speaks %s", name, s.Protocol), "remove it: the client's address is in X-Forwarded-For; or write protocol: tcp")
	}
	if s.Concurrency != nil && isTCP {
		v.report(join(path, "concurrency"), fmt.Sprintf("%s speaks tcp, where there is no telling what a request is", name), "remove concurrency")
	}
}
