package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// tinyFile is an app of n equal services behind a gateway, each with replicas:
// /s1 leads to s1, and so on.
func tinyFile(n, replicas int) string {
	var b strings.Builder
	b.WriteString("name: tiny\ngateway:\n\tlisten: \":${port}\"\n\troutes:\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "\t\t- {path: /s%d, to: s%d}\n", i, i)
	}
	b.WriteString("services:\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "\ts%d:\n\t\tcommand: ${testapp}\n\t\treplicas: %d\n\t\treadiness: {http: /healthz}\n\t\tenvironment: {VERSION: one}\n", i, replicas)
	}
	return b.String()
}

// startTiny brings an app of n equal services up.
func startTiny(t *testing.T, n, replicas int) *app {
	t.Helper()
	a := newApp(t, tinyFile(n, replicas))
	a.up()
	return a
}

// identity is what the test program says of itself.
type identity struct {
	Service, Instance, Revision, Version string
	PID                                  int
}

// who asks for an answer of the service that a path leads to.
func (a *app) who(path string) identity {
	a.t.Helper()
	var i identity
	get(a.t, a.url(path)).decode(a.t, &i)
	return i
}
