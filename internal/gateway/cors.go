package gateway

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// CORS answers browsers of other origins (https://fetch.spec.whatwg.org/#http-cors-protocol).
type CORS struct {
	cfg     route.CORS
	any     bool
	exact   []string
	wild    [][2]string // what is before and after the *
	methods string
	headers string
	expose  string
	maxAge  string
}

// NewCORS compiles cfg.
func NewCORS(cfg route.CORS) *CORS {
	c := &CORS{
		cfg: cfg, methods: strings.Join(cfg.Methods, ", "), headers: strings.Join(cfg.Headers, ", "),
		expose: strings.Join(cfg.Expose, ", "), maxAge: strconv.Itoa(int(cfg.MaxAge / time.Second)),
	}
	for _, o := range cfg.Origins {
		o = strings.ToLower(strings.TrimSuffix(o, "/"))
		switch before, after, wild := strings.Cut(o, "*"); {
		case o == "*":
			c.any = true
		case wild:
			c.wild = append(c.wild, [2]string{before, after})
		default:
			c.exact = append(c.exact, o)
		}
	}
	return c
}

// IsPreflight reports whether r asks whether another request would be allowed.
func IsPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" &&
		r.Header.Get("Access-Control-Request-Method") != ""
}

// allowed reports whether origin may read answers. A wildcard stands for one
// label and more of a host's name.
func (c *CORS) allowed(origin string) bool {
	origin = strings.ToLower(origin)
	if c.any || slices.Contains(c.exact, origin) {
		return true
	}
	for _, w := range c.wild {
		mid, ok := strings.CutPrefix(origin, w[0])
		if !ok {
			continue
		}
		mid, ok = strings.CutSuffix(mid, w[1])
		if ok && mid != "" && !strings.ContainsAny(mid, "/:@") {
			return true
		}
	}
	return false
}

// Apply sets what an answer to a request from origin says, in place of what the service said.
func (c *CORS) Apply(origin string, h http.Header) {
	for _, k := range []string{"Origin", "Credentials", "Expose-Headers", "Methods", "Headers", "Max-Age"} {
		delete(h, "Access-Control-"+withAllow(k))
	}
	everyone := c.any && !c.cfg.Credentials
	if !everyone {
		addVary(h, "Origin")
	}
	if origin == "" || !c.allowed(origin) {
		return
	}
	if everyone {
		origin = "*"
	}
	h["Access-Control-Allow-Origin"] = []string{origin}
	if c.cfg.Credentials {
		h["Access-Control-Allow-Credentials"] = []string{"true"}
	}
	if c.expose != "" {
		h["Access-Control-Expose-Headers"] = []string{c.expose}
	}
}

func withAllow(k string) string {
	if k == "Expose-Headers" || k == "Max-Age" {
		return k
	}
	return "Allow-" + k
}

// Preflight sets the header of a preflight's answer (204). Without the allow
// headers, which is the answer to a stranger, the browser refuses by itself.
func (c *CORS) Preflight(req, h http.Header) {
	origin := req.Get("Origin")
	c.Apply(origin, h)
	delete(h, "Access-Control-Expose-Headers")
	addVary(h, "Access-Control-Request-Method")
	addVary(h, "Access-Control-Request-Headers")
	if !c.allowed(origin) {
		return
	}
	h["Access-Control-Allow-Methods"] = []string{c.methods}
	headers := c.headers
	if headers == "" {
		headers = req.Get("Access-Control-Request-Headers")
	}
	if headers != "" {
		h["Access-Control-Allow-Headers"] = []string{headers}
	}
	if c.cfg.MaxAge > 0 {
		h["Access-Control-Max-Age"] = []string{c.maxAge}
	}
}

func addVary(h http.Header, name string) {
	for _, line := range h["Vary"] {
		for part := range strings.SplitSeq(line, ",") {
			if p := strings.TrimSpace(part); p == "*" || strings.EqualFold(p, name) {
				return
			}
		}
	}
	h["Vary"] = append(h["Vary"], name)
}
