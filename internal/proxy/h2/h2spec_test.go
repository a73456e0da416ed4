package h2

import (
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestH2spec runs the conformance suite h2spec against the echo server.
func TestH2spec(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: h2spec takes some seconds")
	}
	mod, err := filepath.Abs("../../../tools/h2spec/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	tool := func(args ...string) *exec.Cmd {
		return exec.CommandContext(t.Context(), "go", append([]string{"tool", "-modfile=" + mod, "h2spec"}, args...)...)
	}
	if out, err := tool("--version").CombinedOutput(); err != nil {
		t.Skipf("skipped: h2spec cannot be built here (%v: %s)", err, out)
	}
	host, port, err := net.SplitHostPort(serveEcho(t, Config{MaxStreams: 100}))
	if err != nil {
		t.Fatal(err)
	}
	out, err := tool("-h", host, "-p", port, "--strict", "--timeout", "5").CombinedOutput()
	if err != nil || !regexp.MustCompile(`, 0 skipped, 0 failed`).Match(out) {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out[max(0, len(out)-200):])
}
