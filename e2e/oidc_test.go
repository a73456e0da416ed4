package e2e

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// oidcFile is an app whose dashboard is behind a proxy that does TLS, and people sign
// in to it.
const oidcFile = `dashboard:
	listen: "127.0.0.1:%d"
	url: %s
	oidc:
		issuer: %s
		client_id: banyan
		client_secret: ${secret.OIDC}
		scopes: [email, groups]
		operators: {groups: ops}
		viewers: {emails: bob@example.com}
secrets: {OIDC: {environment: OIDC_SECRET}}
`

// tlsProxy is one in front of a port of this machine. It returns its address.
func tlsProxy(t *testing.T, port int) string {
	t.Helper()
	to := &url.URL{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	quiet := log.New(io.Discard, "", 0) // browsers doubt its certificate first, and go away
	s := httptest.NewUnstartedServer(&httputil.ReverseProxy{FlushInterval: -1, ErrorLog: quiet, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
		r.SetXForwarded()
	}})
	s.Config.ErrorLog = quiet
	s.StartTLS()
	t.Cleanup(s.Close)
	_, at, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return "https://ops.localhost:" + at
}

// People sign in to the dashboard of a server by an identity provider that comes up
// after it, in a browser. The provider is a certified one, of Node.js.
func TestSignInByOIDC(t *testing.T) {
	long(t)
	v := newVisitor(t, "e2e/browser", "e2e-setup")
	if _, err := os.Stat(filepath.Join(v.dir, "node_modules", "oidc-provider")); err != nil {
		absent(t, "the identity provider is not there: run `make e2e-setup`")
	}
	port, issuer := freePort(t), fmt.Sprintf("http://127.0.0.1:%d", freePort(t))
	base := tlsProxy(t, port)
	a := newApp(t, tinyFile(1, 1)+fmt.Sprintf(oidcFile, port, base, issuer))
	a.env = append(a.env, "OIDC_SECRET=correct horse battery")
	a.up()
	if told := a.must("logs", "daemon").out; !strings.Contains(told, "nobody can sign in to the dashboard now") {
		t.Errorf("the daemon does not say that the provider is not there:\n%s", told)
	}
	acts := 0
	run(t, v, 2*time.Minute, []string{"oidc.mjs", base, issuer, "correct horse battery", v.chromium}, func(l struct{ Act, Failed, Address, Text string }, text string) {
		if l.Failed != "" {
			t.Errorf("at %s: %s\nthe page says: %s", l.Address, l.Failed, l.Text)
			return
		}
		acts++
		t.Log(text)
	})
	if acts != 4 {
		t.Errorf("%d acts, want 4", acts)
	}
	out := a.must("audit").out
	for _, want := range []string{"ann@example.com", "bob@example.com", "sign out", "refused"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q is recorded:\n%s", want, out)
		}
	}
	if told := a.must("logs", "daemon").out; strings.Contains(told, "correct horse") {
		t.Errorf("the client's secret is in the log:\n%s", told)
	}
	link := strings.TrimSpace(a.must("dashboard").out)
	if u, err := url.Parse(link); err != nil || u.Scheme+"://"+u.Host != base {
		t.Errorf("the link is %s, %v", link, err)
	}
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+strconv.Itoa(port)+"/auth/sign-in", nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Host = "evil.example"
	if res, err := http.DefaultTransport.RoundTrip(q); err != nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("by another name: %v, %v", res, err)
	} else {
		_ = res.Body.Close() // only the status counts
	}
}
