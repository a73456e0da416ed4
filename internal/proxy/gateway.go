package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/gateway"
	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/route"
)

// visit is what an exchange knows of a request at the gateway.
type visit struct {
	gt     *gatewayTable
	route  *gatewayRoute
	client []byte // address
	url    []byte // path as the client sent it, for the log
	agent  []byte
	host   []byte
}

var gatewayCaller = []byte(route.GatewayCaller)

// noEdge stands for the edge of a request that has no route.
var noEdge = edge{&lane{edgeKey: edgeKey{caller: route.GatewayCaller}}, &target{svc: &service{}}}

// serveGateway answers a client from outside.
func (x *exchange) serveGateway(en *entry) {
	v := &x.gate
	v.gt = en.table.gateway
	x.edg, x.caller = noEdge, gatewayCaller
	if v.gt == nil { // the gateway is gone; its connections go
		x.reqID = requestID(x.req)
		x.client.leave()
		x.answer(x.failed(NoRoute, nil, "there is no gateway any more"))
		return
	}
	h := x.req
	v.url, v.host, v.agent = pathOf(h.Path), h.Authority, h.Get(message.UserAgent)
	x.pace = en.settings.idleTimeout
	v.client = forwardedBy(h, x.client.remote().Addr(), x.client.overTLS())
	if v.gt.verifier != nil {
		x.stripClaims(v.gt.verifier)
	}
	x.begin()
	f, logged := x.admit(), v.gt.accessLog
	v.gt = nil // what follows may outlast the table by far
	switch {
	case f != nil:
		x.answer(f)
	case x.preflight:
		x.answerPreflight()
	case v.route.Connect:
		x.tunnel(en.Addr)
	default:
		x.run()
	}
	if logged {
		x.log()
	}
}

// stripClaims removes what the client sent under the names of forwarded claims.
func (x *exchange) stripClaims(v *gateway.Verifier) {
	for i := range x.req.Fields {
		if f := &x.req.Fields[i]; f.ID != message.Removed && v.Strips(str(f.Name)) {
			f.ID = message.Removed
		}
	}
}

// pathOf is a target without its query.
func pathOf(target []byte) []byte {
	path, _, _ := bytes.Cut(target, []byte("?"))
	return path
}

// queryOf is a target's query, without the question mark.
func queryOf(target []byte) string {
	_, q, _ := bytes.Cut(target, []byte("?"))
	return str(q)
}

// admit finds the route and does what it wants done first; a failure refuses the request.
func (x *exchange) admit() *failure {
	v := &x.gate
	if f := x.findRoute(); f != nil {
		return f
	}
	x.countIn(v.gt.edges[v.route.lane.slot])
	if c := v.route.cors; c != nil {
		origin := string(x.req.Get(message.Origin))
		x.adjust = append(x.adjust, func(h map[string][]string) { c.Apply(origin, h) })
		if x.isPreflight() {
			x.preflight = true
			return nil
		}
	}
	limit := v.route.RateLimit
	if limit != nil && !limit.BySubject {
		if f := x.limitRate(gateway.AddressKey(str(v.client))); f != nil {
			return f
		}
	}
	x.bodyMax = v.route.MaxBody
	if x.bodyMax > 0 && x.req.Body == message.Sized && x.req.Length > x.bodyMax {
		return x.failed(BodyTooLarge, nil, fmt.Sprintf("at most %d bytes", x.bodyMax))
	}
	subject, f := x.authenticate()
	if f != nil {
		return f
	}
	if limit != nil && limit.BySubject {
		key := "s" + subject
		if subject == "" {
			key = "a" + gateway.AddressKey(str(v.client))
		}
		return x.limitRate(key)
	}
	return nil
}

// isPreflight reports whether the request asks whether another one would be allowed.
func (x *exchange) isPreflight() bool {
	return string(x.req.Method) == http.MethodOptions && len(x.req.Get(message.Origin)) > 0 &&
		len(x.req.Get(message.AccessControlRequestMethod)) > 0
}

// findRoute sets the route and the path that the service gets.
func (x *exchange) findRoute() *failure {
	v, h := &x.gate, x.req
	if string(h.Method) == http.MethodConnect {
		return x.findTunnel()
	}
	p, asked := &x.path, str(v.url)
	all := asked == "*" // OPTIONS about whatever is there (RFC 9110, 9.3.7): it stays that
	if all {
		asked = "/"
	}
	p.parse(asked)
	if p.bad {
		return x.failed(BadPath, nil, "the path cannot be decoded")
	}
	q := query{host: hostOnly(str(h.Authority)), method: str(h.Method), query: queryOf(h.Path), head: h}
	gr, allow := v.gt.router.find(&q, p.segments)
	if x.isPreflight() {
		// The preflight asks for another request: that one's route answers.
		asked := query{host: q.host, method: str(h.Get(message.AccessControlRequestMethod)), query: q.query}
		if ar, _ := v.gt.router.find(&asked, p.segments); ar != nil && (ar.cors != nil || gr == nil) {
			gr = ar
		}
	}
	if p.ambiguous() {
		if other, _ := v.gt.router.find(&q, p.loose); other != gr {
			return x.failed(BadPath, nil, "encoded separators or dots make it mean two routes")
		}
	}
	switch {
	case gr == nil && len(allow) > 0:
		x.note("Allow", strings.Join(allow, ", "))
		return x.failed(MethodNotOK, nil, "")
	case gr == nil:
		return x.failed(NoRoute, nil, "")
	}
	v.route = gr
	if target := gr.target(p); target != asked && !all {
		q := h.Path[len(v.url):]
		h.Path = h.TakeString(target + string(q))
	}
	return nil
}

// note adds a header to the answer, ours or the service's.
func (x *exchange) note(name, value string) {
	x.adjust = append(x.adjust, func(h map[string][]string) { h[name] = []string{value} })
}

// limitRate counts the request of the client key.
func (x *exchange) limitRate(key string) *failure {
	r := x.gate.route
	d := r.limiter.Allow(key, time.Now())
	x.adjust = append(x.adjust, func(h map[string][]string) { d.Header(h) })
	if d.OK {
		return nil
	}
	return x.failed(RateLimited, nil, fmt.Sprintf("at most %d per %s", r.RateLimit.Requests, r.RateLimit.Per))
}

// authenticate verifies the bearer token as far as the route wants it, and
// returns its subject.
func (x *exchange) authenticate() (string, *failure) {
	v := &x.gate
	if v.route.Auth == route.AuthNone || v.route.Auth == "" {
		return "", nil
	}
	token := ""
	if i := x.req.Index(message.Authorization); i >= 0 && x.req.Count(message.Authorization) == 1 {
		token = gateway.Token(string(x.req.Fields[i].Value))
	}
	if token == "" {
		if v.route.Auth == route.AuthOptional {
			return "", nil
		}
		x.challenge("")
		return "", x.failed(TokenMissing, nil, "")
	}
	if v.gt.verifier == nil {
		return "", x.failed(JWKSUnavailable, nil, "the gateway has no key set")
	}
	claims, err := x.verify(token)
	switch {
	case errors.Is(err, gateway.ErrUnavailable):
		f := x.failed(JWKSUnavailable, nil, "")
		f.retryAfter = 1
		return "", f
	case err != nil:
		x.challenge("invalid_token")
		return "", x.failed(TokenInvalid, nil, err.Error())
	}
	forwarded := http.Header{}
	v.gt.verifier.Forward(claims, forwarded)
	for name, values := range forwarded {
		x.req.AddNamed(x.req.TakeString(name), x.req.TakeString(values[0]))
	}
	return claims.Subject, nil
}

// verify checks the token off the loop: it may have to wait for keys, and a
// signature takes up to a tenth of a millisecond.
func (x *exchange) verify(token string) (claims *gateway.Claims, err error) {
	v := x.gate.gt.verifier
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	x.task.Await(func() { claims, err = v.Verify(ctx, token) })
	return claims, err
}

// challenge says what is missing (RFC 6750, 3).
func (x *exchange) challenge(code string) {
	c := `Bearer realm="banyan"`
	if code != "" {
		c += `, error="` + code + `"`
	}
	x.note("Www-Authenticate", c)
}

func (x *exchange) answerPreflight() {
	h := x.resp
	h.Reset()
	h.Status = http.StatusNoContent
	c, asked := x.gate.route.cors, x.req.Header()
	x.adjust = append(x.adjust[:0], func(h map[string][]string) { c.Preflight(asked, h) })
	h.Set(message.XRequestID, x.reqID)
	x.adjustHead(h)
	x.client.discard()
	x.reply(h, nil)
}

// log adds the request to the access log.
func (x *exchange) log() {
	v := &x.gate
	total := x.elapsed()
	rec := &x.w.record
	*rec = record{
		time: time.Now().Add(-time.Duration(total)), client: str(v.client), method: str(x.req.Method), host: str(v.host),
		path: plainPath(str(v.url)), proto: x.client.version(),
		service: x.edg.callee, status: x.status, in: x.body.taken, out: x.out,
		total: time.Duration(total), upstream: time.Duration(x.upstreamTime), tries: x.tries, code: x.code(),
		requestID: str(x.reqID), traceID: str(x.trace.trace), agent: str(v.agent),
	}
	if v.route != nil {
		rec.route = v.route.name
	}
	if i := x.last(); i != nil {
		rec.instance, rec.revision = i.id, i.revision
	}
	x.w.log.add(rec)
}

// plainPath is a path for people; a broken one stays as it is.
func plainPath(raw string) string {
	if strings.IndexByte(raw, '%') < 0 {
		return raw
	}
	if p, err := url.PathUnescape(raw); err == nil {
		return p
	}
	return raw
}
