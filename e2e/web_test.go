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

// Each screen of the dashboard in a browser, light and dark, wide and narrow, with a
// stand-in for the daemon behind it: nothing is written to the console, the page's
// policy refuses nothing, axe finds no violation, nothing is wider than the window,
// and what acts does what it says.
func TestDashboardScreens(t *testing.T) {
	long(t)
	looked, acted := browse(t)
	if screens := 28; looked < 4*screens {
		t.Errorf("%d looks at screens, want %d", looked, 4*screens)
	}
	if acts := 8; acted < acts {
		t.Errorf("%d acts, want %d", acted, acts)
	}
	figure(t, "%d looks at screens, %d acts", looked, acted)
}

// look is what was seen of a screen, or of an act.
type look struct {
	Stop, Look, Act, Failed string
	Overflow                int
	Errors                  []string
	Violations              []struct{ ID, Impact, Help string }
}

// browseMost bounds a visit to all screens.
const browseMost = 10 * time.Minute

// browse visits the dashboard's screens and answers how often it looked and acted.
func browse(t *testing.T) (looked, acted int) {
	t.Helper()
	node, chromium, dir := needs(t, "node"), os.Getenv("BANYAN_E2E_CHROMIUM"), filepath.Join(bin.repo, "web")
	if chromium == "" {
		chromium = needs(t, "chromium")
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "playwright-core")); err != nil {
		absent(t, "what drives the browser is not there: run `make web-setup`")
	}
	cmd := exec.CommandContext(t.Context(), node, "e2e/browse.mjs")
	var errs bytes.Buffer
	cmd.Dir, cmd.Stderr = dir, &errs
	cmd.Env = append(os.Environ(), "BANYAN_E2E_CHROMIUM="+chromium, "BANYAN_SHOTS="+t.TempDir())
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	timer := time.AfterFunc(browseMost, func() { _ = cmd.Process.Signal(os.Interrupt) })
	defer timer.Stop()
	out, err := cmd.Output()
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l look
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		if l.Stop != "" {
			looked++
		}
		if l.Act != "" {
			acted++
		}
		if l.Failed != "" || l.Overflow > 0 || len(l.Errors) > 0 || len(l.Violations) > 0 {
			t.Error(lines.Text())
		}
	}
	if err != nil && !t.Failed() {
		t.Fatalf("the visit failed: %v\n%s", err, errs.String())
	}
	return looked, acted
}
