package proxy

import (
	"cmp"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/route"
)

// reference plays the part of one of an engine's listeners on net/http's server
// and client: what both say alike is probably HTTP. It follows the engine's
// rules (compiled table, paths, headers, failures) by code of its own wherever
// messages are read, changed and written. It does not retry, limit, verify
// tokens or switch protocols.
type reference struct {
	e        *Engine
	listener string

	mu    sync.Mutex
	pools map[instanceKey]*http.Transport
}

// newReference starts a reference for the listener and returns its address.
func newReference(tb testing.TB, e *Engine, listener string) string {
	tb.Helper()
	ref := &reference{e: e, listener: listener, pools: map[instanceKey]*http.Transport{}}
	s := httptest.NewUnstartedServer(ref)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Config.DisableGeneralOptionsHandler = true
	s.Start()
	tb.Cleanup(func() {
		s.Close()
		for _, tr := range ref.pools {
			tr.CloseIdleConnections()
		}
	})
	return s.Listener.Addr().String()
}

// crossing is one request on its way through the reference.
type crossing struct {
	ref   *reference
	w     http.ResponseWriter
	r     *http.Request
	rc    *http.ResponseController
	edg   edge
	path  string // what the service gets, without the query
	query string // with its question mark
	id    string
	body  *watchedBody
}

// ServeHTTP does what the engine's listener would do.
func (ref *reference) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	en := ref.e.table.Load().listeners[ref.listener]
	x := &crossing{ref: ref, w: w, r: r, rc: http.NewResponseController(w), edg: noEdge}
	x.path, x.query = refTarget(r)
	gateway := en.Role == route.RoleGateway
	if gateway {
		x.forwarded()
	}
	x.header(en)
	var f *failure
	switch {
	case r.Method == http.MethodConnect && en.Role != route.RoleRefuse:
		f = x.failed(MethodNotOK)
	case gateway:
		f = x.route(en.table.gateway)
	case en.edge != nil:
		x.edg = *en.edge
	default:
		f = x.failed(CallRefused)
	}
	if f != nil {
		x.answer(f)
		return
	}
	x.send()
}

// refTarget is the path and the query as the client wrote them.
func refTarget(r *http.Request) (path, query string) {
	target := r.RequestURI
	if i := strings.Index(target, "://"); i > 0 && target[0] != '/' {
		target = target[i+len("://"):]
		if j := strings.IndexAny(target, "/?"); j >= 0 {
			target = target[j:]
		} else {
			target = ""
		}
		if target == "" && r.Method == http.MethodOptions {
			target = "*"
		}
		if target == "" || target[0] == '?' {
			target = "/" + target
		}
	}
	path, query, found := strings.Cut(target, "?")
	if found {
		query = "?" + query
	}
	return path, query
}

// forwarded replaces what a client from outside says about where it comes from.
func (x *crossing) forwarded() {
	h := x.r.Header
	for k := range h {
		name := strings.ToLower(strings.ReplaceAll(k, "_", "-"))
		if strings.HasPrefix(name, "x-forwarded-") || strings.HasPrefix(name, "banyan-") || name == "forwarded" || name == "x-real-ip" {
			delete(h, k)
		}
	}
	from := netip.MustParseAddrPort(x.r.RemoteAddr)
	h.Set("X-Forwarded-For", from.Addr().String())
	if x.r.Host != "" {
		h.Set("X-Forwarded-Host", x.r.Host)
	}
	h.Set("X-Forwarded-Proto", "http")
}

// header makes the request's header what the service gets.
func (x *crossing) header(en *entry) {
	h := x.r.Header
	takesTrailers := listed(h["Te"], "trailers")
	endHop(h)
	if takesTrailers {
		h.Set("Te", "trailers")
	}
	h.Del("Http2-Settings")
	via := "1.1 banyan"
	if x.r.ProtoMajor == 2 {
		via = "2.0 banyan"
	}
	h.Add("Via", via)
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = []string{""} // or net/http adds its own
	}
	for k := range h {
		if strings.EqualFold(strings.ReplaceAll(k, "_", "-"), "banyan-caller") {
			delete(h, k)
		}
	}
	caller := en.Caller
	if en.Role == route.RoleGateway {
		caller = route.GatewayCaller
	}
	h.Set("Banyan-Caller", caller)
	x.id = "reference"
	if ids := h["X-Request-Id"]; len(ids) == 1 && saneID([]byte(ids[0])) {
		x.id = ids[0]
	}
	h.Set("X-Request-Id", x.id)
	if _, ok := parseTraceparent([]byte(h.Get("Traceparent"))); !ok || len(h["Traceparent"]) != 1 {
		h.Del("Tracestate")
	}
	h.Set("Traceparent", sample) // a new span; which one is chance
}

// endHop removes what ends at this hop (RFC 9110, 7.6.1).
func endHop(h http.Header) {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = textproto.TrimString(name); name != "" {
				h.Del(name)
			}
		}
	}
	for _, name := range []string{
		"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade",
	} {
		delete(h, name)
	}
}

func listed(lines []string, token string) bool {
	for part := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		if strings.EqualFold(textproto.TrimString(part), token) {
			return true
		}
	}
	return false
}

// route finds the gateway's route.
func (x *crossing) route(gt *gatewayTable) *failure {
	var p cleanPath
	asked := x.path
	if asked == "*" {
		asked = "/"
	}
	p.parse(asked)
	if p.bad {
		return x.failed(BadPath)
	}
	head := &message.Head{Authority: []byte(x.r.Host)}
	for k, vs := range x.r.Header {
		head.AddNamed([]byte(k), []byte(vs[0]))
	}
	q := query{host: hostOnly(x.r.Host), method: x.r.Method, head: head}
	gr, allow := gt.router.find(&q, p.segments)
	if p.ambiguous() {
		if other, _ := gt.router.find(&q, p.loose); other != gr {
			return x.failed(BadPath)
		}
	}
	switch {
	case gr == nil && len(allow) > 0:
		x.w.Header().Set("Allow", strings.Join(allow, ", "))
		return x.failed(MethodNotOK)
	case gr == nil:
		return x.failed(NoRoute)
	}
	x.edg = gt.edges[gr.lane.slot]
	if x.path != "*" {
		x.path = gr.target(&p)
	}
	return nil
}

func (x *crossing) failed(code Code) *failure {
	return &failure{code: code, caller: x.edg.caller, service: x.edg.callee}
}

// answer says a failure.
func (x *crossing) answer(f *failure) {
	req, h := new(message.Head), new(message.Head)
	req.Add(message.ContentType, []byte(x.r.Header.Get("Content-Type")))
	body := f.compose(req, h, []byte(x.id))
	maps.Copy(x.w.Header(), h.Header())
	x.w.Header().Set("X-Request-Id", x.id)
	x.w.WriteHeader(h.Status)
	_, _ = x.w.Write(body)
}

// send asks the service's first instance and relays its answer.
func (x *crossing) send() {
	if len(x.edg.svc.instances) == 0 {
		x.answer(x.failed(NoReadyInstance))
		return
	}
	inst := x.edg.svc.instances[0]
	if x.r.ContentLength != 0 && x.r.ProtoMajor == 1 {
		_ = x.rc.EnableFullDuplex()
	}
	resp, err := x.ref.transport(inst).RoundTrip(x.outgoing(inst))
	switch {
	case x.body != nil && x.body.failed() != nil:
		x.answer(x.failed(BodyBroken))
	case err != nil:
		x.answer(x.failed(UpstreamReset))
	default:
		x.relay(resp)
	}
}

func (x *crossing) outgoing(inst *instance) *http.Request {
	var once sync.Mutex
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		if code == http.StatusContinue || x.r.ProtoMajor == 1 && x.r.ProtoMinor == 0 {
			return nil
		}
		once.Lock()
		defer once.Unlock()
		maps.Copy(x.w.Header(), h)
		x.w.WriteHeader(code)
		for k := range h {
			x.w.Header().Del(k)
		}
		return nil
	}}
	out := x.r.WithContext(httptrace.WithClientTrace(x.r.Context(), trace))
	out.URL = refURL(inst.addr, x.path, x.query)
	out.RequestURI, out.Close = "", false
	out.Host = cmp.Or(x.r.Host, x.edg.callee)
	out.Body, out.GetBody = http.NoBody, nil
	if x.r.ContentLength != 0 {
		x.body = &watchedBody{src: x.r.Body}
		out.Body = x.body
	}
	return out
}

// refURL is a URL that is written as path and query are.
func refURL(host, path, query string) *url.URL {
	u := &url.URL{Scheme: "http", Host: host, RawQuery: strings.TrimPrefix(query, "?"), ForceQuery: query == "?"}
	if !strings.HasPrefix(path, "//") {
		u.Opaque = path
		return u
	}
	plain, err := url.PathUnescape(path)
	if err != nil {
		plain = path
	}
	u.Path, u.RawPath = plain, path
	return u
}

// transport is the client for one instance.
func (ref *reference) transport(inst *instance) *http.Transport {
	ref.mu.Lock()
	defer ref.mu.Unlock()
	if tr := ref.pools[inst.instanceKey]; tr != nil {
		return tr
	}
	tr := &http.Transport{
		DisableCompression: true, Protocols: new(http.Protocols), ExpectContinueTimeout: idleUpstream,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", inst.addr)
		},
	}
	tr.Protocols.SetHTTP1(inst.protocol != route.H2C)
	tr.Protocols.SetUnencryptedHTTP2(inst.protocol == route.H2C)
	ref.pools[inst.instanceKey] = tr
	return tr
}

// relay passes the answer on.
func (x *crossing) relay(resp *http.Response) {
	defer resp.Body.Close()
	endHop(resp.Header)
	resp.Header.Del("Banyan-Error")
	resp.Header.Set("X-Request-Id", x.id)
	h := x.w.Header()
	maps.Copy(h, resp.Header)
	announced := slices.Sorted(maps.Keys(resp.Trailer))
	if len(announced) > 0 {
		h.Set("Trailer", strings.Join(announced, ", "))
	}
	x.w.WriteHeader(resp.StatusCode)
	if resp.ContentLength < 0 {
		_ = x.rc.Flush()
	}
	if err := x.copyBody(resp.Body); err != nil {
		panic(http.ErrAbortHandler) // the client must see that it is not whole
	}
	for k, vs := range resp.Trailer {
		if len(resp.Trailer) != len(announced) {
			k = http.TrailerPrefix + k
		}
		h[k] = vs
	}
}

func (x *crossing) copyBody(src io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if _, err := x.w.Write(buf[:n]); err != nil {
				return err
			}
			_ = x.rc.Flush()
		}
		switch err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}

// watchedBody is the client's body, of which it is known how it ended.
type watchedBody struct {
	src io.Reader
	mu  sync.Mutex
	err error
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.src.Read(p)
	if err != nil && err != io.EOF {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.err = err
	}
	return n, err
}

func (b *watchedBody) Close() error { return nil }

func (b *watchedBody) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}
