package appfile

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// indexName is what Elasticsearch can call an index or a data stream.
var indexName = pattern(`^[a-z0-9][a-z0-9._-]{0,199}$`)

// secretHeader are headers that hold what nobody should read.
var secretHeader = pattern(`(?i)(auth|key|token|secret|team|license|dsn|cookie)`)

// export checks somebody to whom telemetry is sent.
func (v *validator) export(at string, e *Export) {
	var kinds []string
	if o := e.OTLP; o != nil {
		kinds = append(kinds, "otlp")
		at := join(at, "otlp")
		v.exportHTTP(at, o.URL, o.Headers)
		v.circle(join(at, "url"), o.URL)
		v.signals(join(at, "signals"), o.Signals)
	}
	if o := e.Elasticsearch; o != nil {
		kinds = append(kinds, "elasticsearch")
		at := join(at, "elasticsearch")
		v.elasticsearch(at, o)
		v.signals(join(at, "signals"), o.Signals)
	}
	if o := e.Zipkin; o != nil {
		kinds = append(kinds, "zipkin")
		v.exportHTTP(join(at, "zipkin"), o.URL, o.Headers)
		v.circle(join(at, "zipkin", "url"), o.URL)
	}
	if o := e.Loki; o != nil {
		kinds = append(kinds, "loki")
		v.exportHTTP(join(at, "loki"), o.URL, o.Headers)
	}
	switch len(kinds) {
	case 0:
		v.report(at, "this does not say where telemetry is sent", "write one of otlp, elasticsearch, zipkin and loki")
	case 1:
	default:
		v.report(join(at, kinds[1]), "one of export has "+strings.Join(kinds, " and "), "make an item of each")
	}
}

// exportHTTP checks what all that speak HTTP have.
func (v *validator) exportHTTP(at, url string, headers map[string]string) {
	v.exportURL(join(at, "url"), url)
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		v.exportHeader(join(at, "headers", name), name, headers[name])
	}
}

// exportURL checks an address that telemetry is sent to.
func (v *validator) exportURL(at, text string) {
	if text == "" || v.isBad(at) || !v.serverURL(at, text, serverAddress{of: "an url of export", example: "EXPORT_PASSWORD"}) {
		return
	}
	refs := Refs(text)
	if len(refs) == 1 && refs[0].String() == text {
		return // what it holds is known later
	}
	u, err := url.Parse(aReference().ReplaceAllString(text, "x"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		v.report(at, fmt.Sprintf("the url must begin with http:// or https://, not %s", quote(text)), "write url: https://…, or ${secret.NAME} for all of it")
	}
}

// circle refuses to send to where the same telemetry is taken in.
func (v *validator) circle(at, text string) {
	own := v.app.Telemetry.OTLP
	u, err := url.Parse(text)
	if own == nil || err != nil || v.isBad(at) {
		return
	}
	ip, _ := netip.ParseAddr(u.Hostname()) // a name is none
	if u.Hostname() != "localhost" && !ip.IsLoopback() {
		return
	}
	for _, address := range []string{own.GRPC, own.HTTP} {
		if _, port, err := net.SplitHostPort(address); err == nil && port == u.Port() {
			v.report(at, "this is the app's own address for OTLP: what it sends would come back to it", "write the collector's address, or remove this")
			return
		}
	}
}

func (v *validator) exportHeader(at, name, value string) {
	if v.isBad(at) {
		return
	}
	v.secretsOnly(at, value)
	switch {
	case !isToken(name):
		v.report(at, fmt.Sprintf("%s cannot be the name of a header", quote(name)), headerFix(name))
	case slices.Contains([]string{"content-type", "content-encoding", "content-length", "host", "te", "traceparent"}, strings.ToLower(name)):
		v.report(at, "the header "+name+" is the exporter's own", "remove it")
	case strings.ContainsAny(value, "\r\n\x00"):
		v.report(at, fmt.Sprintf("no header can have the value %s", quote(value)), "remove line ends, and blanks around it")
	case secretHeader().MatchString(name) && len(Refs(value)) == 0:
		v.report(at, "the value of "+name+" can be read by everybody who reads this file", "write "+name+": ${secret.EXPORT_KEY}, and secrets: {EXPORT_KEY: {}} at the top of the file")
	}
}

func (v *validator) elasticsearch(at string, e *ExportElasticsearch) {
	v.exportURL(join(at, "url"), e.URL)
	index := join(at, "index")
	if name := strings.ReplaceAll(e.Index, "{signal}", "traces"); e.Index != "" && !v.isBad(index) && !indexName().MatchString(name) {
		v.report(index, fmt.Sprintf("%s cannot be the name of an index", quote(e.Index)), `use lower-case letters, digits, -, _ and ., such as "{signal}-shop-default"`)
	}
	for key, text := range map[string]string{"api_key": e.APIKey, "user": e.User, "password": e.Password} {
		v.secretsOnly(join(at, key), text)
	}
	for key, text := range map[string]string{"api_key": e.APIKey, "password": e.Password} {
		if text != "" && len(Refs(text)) == 0 && !v.isBad(join(at, key)) {
			v.report(join(at, key), "the "+strings.ReplaceAll(key, "_", " ")+" can be read by everybody who reads this file", "write "+key+": ${secret.ELASTIC_KEY}, and secrets: {ELASTIC_KEY: {}} at the top of the file")
		}
	}
	switch {
	case e.APIKey != "" && e.User+e.Password != "":
		v.report(join(at, "api_key"), "there is an api key and a user", "write one of them")
	case e.User == "" && e.Password != "":
		v.report(join(at, "password"), "there is a password and no user", "write user: too")
	case e.User != "" && e.Password == "":
		v.report(join(at, "user"), "there is a user and no password", "write password: ${secret.ELASTIC_PASSWORD}, and secrets: {ELASTIC_PASSWORD: {}} at the top of the file")
	}
}

// signals refuses one that comes twice.
func (v *validator) signals(at string, names []string) {
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] && !v.isBad(at) {
			v.report(at, name+" is there twice", "remove one of them")
			return
		}
		seen[name] = true
	}
}
