package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// visitor is what drives a browser: scripts of Node.js in a directory of the
// repository.
type visitor struct {
	node, chromium, dir string
	env                 []string
}

// newVisitor looks for what scripts in dir need; setup is the target that gets it.
func newVisitor(t *testing.T, dir, setup string) visitor {
	t.Helper()
	v := visitor{node: needs(t, "node"), chromium: os.Getenv("BANYAN_E2E_CHROMIUM"), dir: filepath.Join(bin.repo, dir)}
	if v.chromium == "" {
		v.chromium = needs(t, "chromium")
	}
	if _, err := os.Stat(filepath.Join(v.dir, "node_modules", "playwright-core")); err != nil {
		absent(t, "what drives the browser is not there: run `make "+setup+"`")
	}
	v.env = append(os.Environ(), "BANYAN_E2E_CHROMIUM="+v.chromium, "BANYAN_SHOTS="+shots(t))
	return v
}

// shots is where screenshots are left: for people, if BANYAN_SHOTS says where.
func shots(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("BANYAN_SHOTS")
	if dir == "" {
		return t.TempDir()
	}
	return dir
}

// run runs a script, for so long at most, and calls each with every line of JSON that
// it prints. The test fails if the script does.
func run[T any](t *testing.T, v visitor, most time.Duration, args []string, each func(line T, text string)) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), v.node, args...)
	var errs bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stderr = v.dir, v.env, &errs
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	timer := time.AfterFunc(most, func() { _ = cmd.Process.Signal(os.Interrupt) })
	defer timer.Stop()
	out, err := cmd.Output()
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line T
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		each(line, lines.Text())
	}
	if err != nil && !t.Failed() {
		t.Fatalf("the visit failed: %v\n%s", err, errs.String())
	}
}
