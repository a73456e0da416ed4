package appfile

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

func (v *validator) gateway(g *Gateway) {
	v.listen(g.Listen)
	if g.TLS != nil {
		v.homePath(join("gateway", "tls", "cert"), g.TLS.Cert)
		v.homePath(join("gateway", "tls", "key"), g.TLS.Key)
	}
	if g.JWT != nil {
		v.jwt(g.JWT)
	}
	if len(g.Routes) == 0 && !v.isBad(join("gateway", "routes")) {
		v.warn(v.at("gateway"), "the gateway has no routes, so that it answers every request by 404", "write routes: [{path: /, to: NAME}]")
	}
	seen := map[string]int{}
	for i, r := range g.Routes {
		path := join("gateway", "routes", strconv.Itoa(i))
		if r == nil || v.isBad(path) {
			continue
		}
		v.route(g, r, path)
		key := routeKey(r)
		if first, ok := seen[key]; ok {
			v.duplicateRoute(g.Routes[first], i, first)
			continue
		}
		seen[key] = i
	}
}

// routeKey is what a route matches, in one form.
func routeKey(r *Route) string {
	methods := slices.Sorted(slices.Values(r.Methods))
	parts := []string{strings.ToLower(r.Host), r.Path, strings.Join(slices.Compact(methods), ","), strconv.FormatBool(r.Connect)}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		parts = append(parts, strings.ToLower(name)+"="+r.Headers[name])
	}
	for _, name := range slices.Sorted(maps.Keys(r.Query)) {
		parts = append(parts, "?"+name+"="+r.Query[name])
	}
	return strings.Join(parts, "\x00")
}

func (v *validator) duplicateRoute(r *Route, i, first int) {
	at := join("gateway", "routes", strconv.Itoa(i))
	earlier := fmt.Sprintf("number %d", first+1)
	if p := v.at(join("gateway", "routes", strconv.Itoa(first))); p.known() {
		earlier = fmt.Sprintf("the one at line %d", p.line)
		if p.src != v.at(at).src {
			earlier += " of " + p.src.name
		}
	}
	what := r.Path
	if r.Host != "" {
		what = r.Host + what
	}
	if r.Connect {
		what = "CONNECT " + what
	}
	v.report(at, fmt.Sprintf("this route for %s matches the same requests as %s", what, earlier), "remove one of them, or tell them apart by host, methods, headers or query")
}

// listenPort is the gateway's host and port.
func (v *validator) listenPort() (host string, port int, err error) {
	if v.app.Gateway == nil {
		return "", 0, nil
	}
	host, text, err := net.SplitHostPort(v.app.Gateway.Listen)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(text)
	return host, port, err
}

func (v *validator) listen(listen string) {
	if listen == "" || v.isBad(join("gateway", "listen")) {
		return
	}
	at := join("gateway", "listen")
	host, port, err := v.listenPort()
	_, text, _ := net.SplitHostPort(listen)
	switch {
	case strings.Contains(listen, "://"):
		v.report(at, fmt.Sprintf("listen must be an address without a scheme, not %s", quote(listen)), `write ":8080", or "0.0.0.0:8080" to open it to the network`)
	case err != nil && isDigits(listen) && validPort(listen):
		v.report(at, fmt.Sprintf("listen must be an address, not %s", quote(listen)), fmt.Sprintf("write %q", ":"+listen))
	case err != nil && text == "":
		v.report(at, fmt.Sprintf("listen must be HOST:PORT or :PORT, not %s", quote(listen)), listenFix(listen))
	case err != nil || port < 0 || port > 65535 || !isDigits(text):
		v.report(at, fmt.Sprintf("listen has no valid port: %s", quote(listen)), "ports are 1 to 65535, or 0 for any that is free")
	case port >= firstLeased && port <= lastLeased:
		v.report(at, fmt.Sprintf("port %d is among those that banyan gives out itself, %d to %d", port, firstLeased, lastLeased), "choose one below or above")
	case host == "*":
		v.report(at, "* is not a host to listen on", fmt.Sprintf("write \"0.0.0.0:%d\" to open it to the network", port))
	case host != "" && host != "localhost":
		if _, err := netip.ParseAddr(host); err != nil {
			v.report(at, fmt.Sprintf("the host %s to listen on is not an IP address", quote(host)), fmt.Sprintf("write \":%d\" for this machine only, or \"0.0.0.0:%d\" to open it to the network; routes have host: for names", port, port))
		}
	}
}

func listenFix(listen string) string {
	if _, err := netip.ParseAddr(strings.Trim(listen, "[]")); err == nil {
		return fmt.Sprintf("write %q", net.JoinHostPort(strings.Trim(listen, "[]"), "8080"))
	}
	return `write ":8080", or "0.0.0.0:8080" to open it to the network`
}

func validPort(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n > 0 && n <= 65535
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func (v *validator) jwt(j *JWT) {
	path := join("gateway", "jwt")
	headers := map[string]string{}
	for _, claim := range slices.Sorted(maps.Keys(j.Forward)) {
		header := j.Forward[claim]
		at := join(path, "forward", claim)
		lower := strings.ToLower(header)
		switch other, double := headers[lower]; {
		case claim == "":
			v.report(at, "forward has an empty claim", "write forward: {sub: X-User-Id}")
		case !isToken(header):
			v.report(at, fmt.Sprintf("%s cannot be the name of a header", quote(header)), headerFix(header))
		case double:
			v.report(at, fmt.Sprintf("the claims %s and %s go to the same header %s", other, claim, header), "give each a header of its own")
		case ownHeaders[lower]:
			v.report(at, fmt.Sprintf("a claim cannot replace the header %s", header), "choose a name of your own, such as X-Claim-"+claim)
		}
		headers[lower] = claim
	}
	v.jwks(join(path, "jwks"), j.JWKS)
}

// ownHeaders steer the connection or the request itself.
var ownHeaders = map[string]bool{
	"authorization": true, "connection": true, "content-length": true, "content-type": true, "cookie": true, "host": true, "te": true,
	"trailer": true, "transfer-encoding": true, "upgrade": true, "keep-alive": true, "proxy-connection": true, "traceparent": true,
	"x-request-id": true, "x-forwarded-for": true, "x-forwarded-host": true, "x-forwarded-proto": true, "forwarded": true,
}

// jwks checks the key set's URL; references are checked for themselves.
func (v *validator) jwks(path, jwks string) {
	if jwks == "" || v.isBad(path) {
		return
	}
	before := len(v.problems)
	v.checkRefs(refScope{subject: "the gateway", path: path, key: "jwks", isGateway: true}, jwks, path)
	if len(v.problems) > before {
		return
	}
	full, err := Expand(jwks, func(r Ref) (string, error) {
		switch r.Attr {
		case "url":
			return "http://127.0.0.1:20000", nil
		case "addr":
			return "127.0.0.1:20000", nil
		case "host":
			return "127.0.0.1", nil
		}
		return "20000", nil
	})
	if err != nil {
		return // reported
	}
	u, err := url.Parse(full)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		fix := "write https://HOST/PATH, or ${services.NAME.url}/.well-known/jwks.json for a service of this app"
		if name, _, _ := strings.Cut(jwks, "/"); v.app.Services[name] != nil {
			fix = fmt.Sprintf("write ${services.%s.url}%s", name, strings.TrimPrefix(jwks, name))
		}
		v.report(path, fmt.Sprintf("jwks must be an http or https URL, not %s", quote(jwks)), fix)
	}
}

func (v *validator) route(g *Gateway, r *Route, path string) {
	if r.To != "" {
		v.routeTarget(r, path)
	}
	switch at := join(path, "path"); {
	case r.Connect:
		v.tunnel(r, path)
	case r.Path == "" && !v.isBad(at) && !v.wantsTunnel(r, path):
		v.report(at, "a route has no path", "write path: / for all paths")
	}
	v.routePath(join(path, "path"), "path", r.Path)
	v.routePath(join(path, "rewrite"), "rewrite", r.Rewrite)
	v.host(join(path, "host"), r.Host)
	v.methods(join(path, "methods"), r.Methods, false)
	if i := slices.Index(r.Methods, "CONNECT"); i >= 0 && !r.Connect {
		v.report(join(path, "methods", strconv.Itoa(i)), "CONNECT has no path that could match", "write - {host: NAME, to: SERVICE, connect: true} for tunnels")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		at := join(path, "headers", name)
		switch {
		case !isToken(name):
			v.report(at, fmt.Sprintf("%s cannot be the name of a header", quote(name)), headerFix(name))
		case strings.EqualFold(name, "host"):
			v.report(at, "the header Host is matched by host:", "write host: "+r.Headers[name])
		case strings.ContainsAny(r.Headers[name], "\r\n\x00") || r.Headers[name] != strings.TrimSpace(r.Headers[name]):
			v.report(at, fmt.Sprintf("no header can have the value %s", quote(r.Headers[name])), "remove line ends, and blanks around it")
		}
	}
	if _, ok := r.Query[""]; ok {
		v.report(join(path, "query", ""), "a query parameter needs a name", `write query: {name: "value"}`)
	}
	if (r.Auth == "required" || r.Auth == "optional") && g.JWT == nil && !v.isBad(join("gateway", "jwt")) {
		v.report(join(path, "auth"), fmt.Sprintf("auth: %s needs to know how tokens are verified, and the gateway has no jwt", r.Auth), `write gateway: {jwt: {jwks: "…"}}`)
	}
	if l := r.RateLimit; l != nil && l.By == "subject" && (r.Auth == "" || r.Auth == "none") {
		v.warn(v.at(join(path, "rate_limit", "by")), "without auth no request has a subject, so that this limit is by address", "write auth: required or optional, or by: address")
	}
	if r.CORS != nil {
		v.cors(join(path, "cors"), r.CORS)
	}
	v.policy(edge{path: path, callee: r.To, connect: r.Connect}, &r.Policy)
}

func (v *validator) routeTarget(r *Route, path string) {
	at := join(path, "to")
	s, ok := v.app.Services[r.To]
	switch {
	case !ok && v.app.Jobs[r.To] != nil:
		v.report(at, fmt.Sprintf("the route leads to %s, which is a job and takes no requests", r.To), "name a service")
	case !ok && strings.ContainsAny(r.To, ":/"):
		v.report(at, fmt.Sprintf("the route leads to %s, which is not a service of this app", quote(r.To)), "write the service's name alone: "+suggestName(hostOf(r.To), v.serviceNames(), "services"))
	case !ok:
		v.report(at, fmt.Sprintf("the route leads to %s, which is not a service of this app", quote(r.To)), suggestName(r.To, v.serviceNames(), "services"))
	case s != nil && s.Protocol == ProtocolTCP && !r.Connect && !v.isBad(join(path, "connect")):
		v.report(at, fmt.Sprintf("the route leads to %s, which speaks tcp, and routes lead HTTP requests", r.To), "write protocol: http or h2c in the service, or host: and connect: true in the route for tunnels")
	case s != nil && s.Protocol != ProtocolTCP && r.Connect:
		v.report(at, fmt.Sprintf("the tunnel leads to %s, which speaks %s, and requests in it would pass all routes by", r.To, orElse(s.Protocol, "http")), "name a service with protocol: tcp, or remove connect and write path: /")
	}
}

func hostOf(address string) string {
	if _, after, ok := strings.Cut(address, "://"); ok {
		address = after
	}
	return address[:strings.IndexAny(address+":", ":/")]
}

// routePath checks path or rewrite.
func (v *validator) routePath(at, key, p string) {
	if p == "" || v.isBad(at) {
		return
	}
	where := at
	prefix, _, wild := strings.Cut(p, "*")
	switch {
	case strings.Contains(p, "://"):
		fix := "write the path alone"
		if u, err := url.Parse(p); err == nil {
			fix = fmt.Sprintf("write %s: %s and host: %s", key, path.Clean("/"+u.Path), u.Hostname())
		}
		v.report(where, fmt.Sprintf("%s must be a path, not %s", key, quote(p)), fix)
	case !strings.HasPrefix(p, "/"):
		v.report(where, fmt.Sprintf("%s must begin with /, and this is %s", key, quote(p)), "write "+path.Clean("/"+strings.TrimRight(prefix, "*")))
	case wild:
		v.report(where, fmt.Sprintf("%s matches everything below it without a *, which stands only for itself", key), "write "+path.Clean(prefix))
	case key == "path" && placeholder().MatchString(p):
		v.report(where, fmt.Sprintf("%s matches as a prefix and has no placeholders such as %s", key, placeholder().FindString(p)[1:]), "write "+path.Clean(p[:placeholder().FindStringIndex(p)[0]]+"/"))
	case strings.ContainsAny(p, "?#"):
		v.report(where, fmt.Sprintf("%s has a query or a fragment, which it cannot match: %s", key, quote(p)), "write "+path.Clean(p[:strings.IndexAny(p, "?#")]))
	case strings.ContainsFunc(p, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }):
		v.report(where, fmt.Sprintf("%s holds characters that no path has: %s", key, quote(p)), "write the path as it is in the address, decoded, without blanks and backslashes")
	case path.Clean(p) != p:
		v.report(where, fmt.Sprintf("%s is not in its simplest form: %s", key, quote(p)), "write "+path.Clean(p))
	}
}

var (
	placeholder = pattern(`/(\{[^/}]*\}|:[A-Za-z_]\w*|<[^/>]*>)`)
	hostForm    = pattern(`^(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
)

func (v *validator) host(at, host string) {
	if host == "" || len(host) <= 253 && hostForm().MatchString(host) {
		return
	}
	fix := "write a name such as shop.example.com, or *.example.com for all below it"
	plain := strings.ToLower(hostOf(host))
	switch {
	case host == "*":
		fix = "leave host out: a route without it matches all hosts"
	case hostForm().MatchString(plain):
		fix = "write " + plain
	case strings.HasPrefix(host, "."):
		fix = "write *" + host
	}
	v.report(at, fmt.Sprintf("%s is not a host name", quote(host)), fix)
}

var httpMethods = []string{
	"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY",
	"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH",
}

func (v *validator) methods(at string, methods []string, star bool) {
	for i, m := range methods {
		if slices.Contains(httpMethods, m) || star && m == "*" {
			continue
		}
		fix := "leave methods out for all"
		switch up := strings.ToUpper(m); {
		case slices.Contains(httpMethods, up):
			fix = "write " + up + ", in upper case"
		case m == "*" || strings.EqualFold(m, "any") || strings.EqualFold(m, "all"):
		default:
			fix = orElse(didYouMean(m, httpMethods, ""), fix)
		}
		v.report(join(at, strconv.Itoa(i)), fmt.Sprintf("%s is not an HTTP method", quote(m)), fix)
	}
}

// isToken says that a header name is one (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", r)
	})
}

func headerFix(name string) string {
	good := strings.Trim(strings.Map(func(r rune) rune {
		if r == ' ' || r == '_' || r == ':' {
			return '-'
		}
		return r
	}, name), "-")
	if isToken(good) {
		return "write " + good
	}
	return "use letters, digits and -"
}

func (v *validator) cors(at string, c *CORS) {
	for i, origin := range c.Origins {
		where := join(at, "origins", strconv.Itoa(i))
		if origin == "*" {
			if c.Credentials {
				v.report(where, "the origin * together with credentials would let every site act as the user", "name the origins, or remove credentials")
			}
			continue
		}
		v.origin(where, origin)
	}
	v.methods(join(at, "methods"), c.Methods, true)
	for key, names := range map[string][]string{"headers": c.Headers, "expose": c.Expose} {
		for i, name := range names {
			if name != "*" && !isToken(name) {
				v.report(join(at, key, strconv.Itoa(i)), fmt.Sprintf("%s cannot be the name of a header", quote(name)), headerFix(name))
			}
		}
	}
}

func (v *validator) origin(at, origin string) {
	u, err := url.Parse(strings.Replace(origin, "://*.", "://", 1))
	switch {
	case err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && hostForm().MatchString(strings.ToLower(u.Hostname())):
		if u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			v.report(at, fmt.Sprintf("an origin has no path: %s", quote(origin)), "write "+origin[:strings.Index(origin, "://")+3]+originHost(origin))
		} else if strings.ToLower(u.Host) != u.Host {
			v.report(at, fmt.Sprintf("browsers send origins in lower case, and this is %s", quote(origin)), "write "+strings.ToLower(origin))
		}
	case origin == "null":
		v.report(at, "the origin null is every sandboxed page, which cannot be told from one another", "name the origins")
	case !strings.Contains(origin, "://"):
		v.report(at, fmt.Sprintf("the origin %s has no scheme", quote(origin)), "write https://"+origin)
	default:
		v.report(at, fmt.Sprintf("%s is not an origin", quote(origin)), "write https://shop.example, https://*.example.com, or *")
	}
}

func originHost(origin string) string {
	_, rest, _ := strings.Cut(origin, "://")
	return rest[:strings.IndexAny(rest+"/", "/?#")]
}
