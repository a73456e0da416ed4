// Package h2spec runs the conformance suite h2spec against a server of HTTP/2, for
// tests of packages h2 and proxy alone.
package h2spec

import (
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Run runs the suite, in its strict form, against the server at addr, which must
// echo or answer what it is asked. The test fails unless all 146 cases pass; it is
// skipped where the suite cannot be built, and with -short. mod is the path of
// the suite's module file from the test's package; flags are h2spec's.
func Run(t *testing.T, mod, addr string, flags ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: h2spec takes some seconds")
	}
	mod, err := filepath.Abs(mod)
	if err != nil {
		t.Fatal(err)
	}
	tool := func(args ...string) *exec.Cmd {
		return exec.CommandContext(t.Context(), "go", append([]string{"tool", "-modfile=" + mod, "h2spec"}, args...)...)
	}
	if out, err := tool("--version").CombinedOutput(); err != nil {
		t.Skipf("skipped: h2spec cannot be built here (%v: %s)", err, out)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	out, err := tool(append([]string{"-h", host, "-p", port, "--strict", "--timeout", "5"}, flags...)...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "146 tests, 146 passed, 0 skipped, 0 failed") {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out[max(0, len(out)-200):])
}
