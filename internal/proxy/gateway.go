package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/gateway"
	"github.com/banyanrun/banyan/internal/route"
)

// visit is one request at the gateway.
type visit struct {
	exchange
	gt     *gatewayTable
	route  *gatewayRoute
	client string // address
	url    string // path as the client sent it, for the log
	began  time.Time
}

// serveGatewayRequest answers a client from outside.
func (e *Engine) serveGatewayRequest(w http.ResponseWriter, r *http.Request) {
	e.inFlight.Add(1)
	defer e.inFlight.Add(-1)
	t := e.table.Load()
	v := &visit{
		exchange: exchange{e: e, w: w, r: r, rc: http.NewResponseController(w), edg: noEdge, caller: route.GatewayCaller},
		gt:       t.gateway, url: r.URL.EscapedPath(), began: time.Now(),
	}
	if v.gt == nil { // the gateway is gone; its connections go
		w.Header().Set("Connection", "close")
		v.answer(v.failed(NoRoute, nil, "there is no gateway any more"))
		return
	}
	agent, host := r.UserAgent(), r.Host
	if v.gt.accessLog {
		defer func() { v.log(agent, host) }() // also for an aborted connection, which panics
	}
	v.pace = v.gt.settings.idleTimeout
	if r.ProtoMajor == 1 {
		_ = v.rc.SetWriteDeadline(time.Time{}) // of the request before this one
	}
	size := headerSize(r)
	v.client = forwardedBy(r)
	if v.gt.verifier != nil {
		v.gt.verifier.Strip(r.Header)
	}
	v.begin()
	if f := v.admit(size); f != nil {
		v.bodyLeft()
		v.answer(f)
		return
	}
	if v.route.cors != nil && gateway.IsPreflight(r) {
		v.preflight()
		return
	}
	v.run()
}

// noEdge stands for the edge of a request that has no route.
var noEdge = &edge{edgeKey: edgeKey{caller: route.GatewayCaller}, svc: &service{}}

// admit finds the route and does what it wants done first; a failure refuses the request.
func (v *visit) admit(headerBytes int64) *failure {
	if headerBytes > v.gt.maxHeader {
		return v.failed(HeaderTooLarge, nil, fmt.Sprintf("at most %d bytes", v.gt.maxHeader))
	}
	if f := v.findRoute(); f != nil {
		return f
	}
	v.edg = v.route.edge
	origin := v.r.Header.Get("Origin")
	if c := v.route.cors; c != nil {
		v.adjust = func(h http.Header) { c.Apply(origin, h) }
		if gateway.IsPreflight(v.r) {
			return nil
		}
	}
	limit := v.route.RateLimit
	if limit != nil && !limit.BySubject {
		if f := v.limit(gateway.AddressKey(v.client)); f != nil {
			return f
		}
	}
	v.bodyMax = v.route.MaxBody
	if v.bodyMax > 0 && v.r.ContentLength > v.bodyMax {
		return v.failed(BodyTooLarge, nil, fmt.Sprintf("at most %d bytes", v.bodyMax))
	}
	subject, f := v.authenticate()
	if f != nil {
		return f
	}
	if limit != nil && limit.BySubject {
		key := "s" + subject
		if subject == "" {
			key = "a" + gateway.AddressKey(v.client)
		}
		return v.limit(key)
	}
	return nil
}

// findRoute sets route and path.
func (v *visit) findRoute() *failure {
	if v.r.Method == http.MethodConnect {
		return v.failed(MethodNotOK, nil, "CONNECT is for forward proxies")
	}
	p := parsePath(v.url)
	if p.bad {
		return v.failed(BadPath, nil, "the path cannot be decoded")
	}
	h := v.r.Header
	q := &query{host: hostOnly(v.r.Host), method: v.r.Method, header: func(name string) string {
		if strings.EqualFold(name, "Host") {
			return v.r.Host
		}
		return h.Get(name)
	}}
	gr, allow := v.gt.router.find(q, p.segments)
	if gateway.IsPreflight(v.r) {
		// The preflight asks for another request: that one's route answers.
		asked := &query{host: q.host, method: h.Get("Access-Control-Request-Method")}
		if ar, _ := v.gt.router.find(asked, p.segments); ar != nil && (ar.cors != nil || gr == nil) {
			gr = ar
		}
	}
	if p.ambiguous() {
		if other, _ := v.gt.router.find(q, p.loose); other != gr {
			return v.failed(BadPath, nil, "encoded separators or dots make it mean two routes")
		}
	}
	switch {
	case gr == nil && len(allow) > 0:
		v.w.Header().Set("Allow", strings.Join(allow, ", "))
		return v.failed(MethodNotOK, nil, "")
	case gr == nil:
		return v.failed(NoRoute, nil, "")
	}
	v.route, v.path = gr, gr.target(&p)
	return nil
}

// limit counts the request of the client key.
func (v *visit) limit(key string) *failure {
	d := v.route.limiter.Allow(key, time.Now())
	before := v.adjust
	v.adjust = func(h http.Header) {
		if before != nil {
			before(h)
		}
		d.Header(h)
	}
	if d.OK {
		return nil
	}
	return v.failed(RateLimited, nil, fmt.Sprintf("at most %d per %s", v.route.RateLimit.Requests, v.route.RateLimit.Per))
}

// authenticate verifies the bearer token as far as the route wants it, and
// returns its subject.
func (v *visit) authenticate() (string, *failure) {
	if v.route.Auth == route.AuthNone || v.route.Auth == "" {
		return "", nil
	}
	token := gateway.Bearer(v.r.Header)
	if token == "" {
		if v.route.Auth == route.AuthOptional {
			return "", nil
		}
		v.challenge("")
		return "", v.failed(TokenMissing, nil, "")
	}
	if v.gt.verifier == nil {
		return "", v.failed(JWKSUnavailable, nil, "the gateway has no key set")
	}
	claims, err := v.gt.verifier.Verify(v.r.Context(), token)
	switch {
	case errors.Is(err, gateway.ErrUnavailable):
		f := v.failed(JWKSUnavailable, nil, "")
		f.retryAfter = 1
		return "", f
	case err != nil:
		v.challenge("invalid_token")
		return "", v.failed(TokenInvalid, nil, err.Error())
	}
	v.gt.verifier.Forward(claims, v.r.Header)
	return claims.Subject, nil
}

// challenge says what is missing (RFC 6750, 3).
func (v *visit) challenge(code string) {
	c := `Bearer realm="banyan"`
	if code != "" {
		c += `, error="` + code + `"`
	}
	v.w.Header().Set("WWW-Authenticate", c)
}

func (v *visit) preflight() {
	v.bodyLeft()
	v.finishBody()
	v.startWrite()
	h := v.w.Header()
	h["X-Request-Id"] = []string{v.reqID}
	v.route.cors.Preflight(v.r.Header, h)
	v.status = http.StatusNoContent
	v.w.WriteHeader(v.status)
}

// bodyLeft gets ready to answer without having read the body.
func (v *visit) bodyLeft() {
	if v.r.ContentLength != 0 && v.r.ProtoMajor == 1 {
		v.w.Header().Set("Connection", "close")
		_ = v.rc.SetReadDeadline(time.Now().Add(linger))
	}
}

// log adds the request to the access log.
func (v *visit) log(agent, host string) {
	rec := &record{
		time: v.began, client: v.client, method: v.r.Method, host: host, path: plainPath(v.url), proto: v.r.Proto,
		service: v.edg.callee, status: v.status, in: v.body.bytesIn(), out: v.out,
		total: time.Since(v.began), upstream: v.upstream, tries: v.tries,
		requestID: v.reqID, traceID: v.trace.trace, agent: agent,
	}
	if v.route != nil {
		rec.route = v.route.Host + v.route.Path
	}
	if inst := v.last(); inst != nil {
		rec.instance, rec.revision = inst.id, inst.revision
	}
	if v.fail != nil && (v.fail.code != "" && v.failedAtLast()) {
		rec.code = v.fail.code
	}
	v.e.access.add(rec)
}

// failedAtLast reports whether the answer was ours, not that of a later try.
func (v *visit) failedAtLast() bool { return v.w.Header().Get(errorHeader) != "" || !v.done }

// plainPath is a path for people; a broken one stays as it is.
func plainPath(raw string) string {
	if p, err := url.PathUnescape(raw); err == nil {
		return p
	}
	return raw
}

// headerSize is what the header took on the wire, about.
func headerSize(r *http.Request) int64 {
	n := len(r.Method) + len(r.RequestURI) + len(r.Host) + 20
	for k, vs := range r.Header {
		for _, v := range vs {
			n += len(k) + len(v) + 4
		}
	}
	return int64(n)
}
