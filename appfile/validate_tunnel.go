package appfile

import "fmt"

// tunnel checks a route that takes CONNECT: it has no request but the one that
// opens the tunnel, and that has no path and no body.
func (v *validator) tunnel(r *Route, path string) {
	if r.Host == "" && !v.isBad(join(path, "host")) {
		v.report(join(path, "connect"), "a route with connect has no host, so that it would take tunnels to any", "write host: with the name that clients connect to")
	}
	const noPath, noBody, noBrowser = "CONNECT has no path", "what a tunnel carries is no body", "no browser's script opens tunnels"
	for _, k := range []struct {
		key string
		set bool
		why string
	}{
		{"path", r.Path != "", noPath},
		{"query", len(r.Query) > 0, noPath},
		{"rewrite", r.Rewrite != "", noPath},
		{"methods", len(r.Methods) > 0, "it takes CONNECT alone"},
		{"max_body", r.MaxBody != nil, noBody},
		{"cors", r.CORS != nil, noBrowser},
	} {
		if k.set {
			v.report(join(path, k.key), fmt.Sprintf("a route with connect cannot have %s: %s", k.key, k.why), "remove "+k.key)
		}
	}
}

// wantsTunnel reports whether a route without a path seems to be meant for CONNECT.
func (v *validator) wantsTunnel(r *Route, path string) bool {
	s := v.app.Services[r.To]
	return s != nil && s.Protocol == ProtocolTCP || v.isBad(join(path, "connect"))
}
