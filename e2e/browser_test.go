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

// The storefront in a browser: browse, search, sign up, buy, see the order; no
// page has an accessibility violation that axe can find.
func TestStorefrontInBrowser(t *testing.T) {
	long(t)
	visitor := newVisitor(t)
	s := startShop(t)
	visitor.visit(t, "whole", s.url(""), 11)
}

// Payment and recommendation are away: the page says so, and the rest works.
func TestStorefrontInBrowserDegraded(t *testing.T) {
	long(t)
	visitor := newVisitor(t)
	s := startShop(t)
	for _, name := range []string{"payment", "recommendation"} {
		kill(t, int(s.one(name).GetPid()))
		s.must("scale", name, "0") // or it would be back before the page can say anything
	}
	visitor.visit(t, "degraded", s.url(""), 7)
	s.must("scale", "payment", "1")
	s.signUp().buy()
}

// visitor is what drives a browser.
type visitor struct{ node, chromium, dir string }

func newVisitor(t *testing.T) visitor {
	t.Helper()
	v := visitor{node: needs(t, "node"), chromium: os.Getenv("BANYAN_E2E_CHROMIUM"), dir: filepath.Join(bin.repo, "e2e", "browser")}
	needs(t, "python3") // a page without recommendations is another page
	if v.chromium == "" {
		v.chromium = needs(t, "chromium")
	}
	if _, err := os.Stat(filepath.Join(v.dir, "node_modules", "playwright-core")); err != nil {
		absent(t, "what drives the browser is not there: run `make e2e-setup`")
	}
	return v
}

// stop is a page that was checked.
type stop struct {
	Stop, Look, Address string
	Passes              int
	Violations          []struct{ ID, Impact, Help string }
	// Set where the visit could not go on.
	Failed, Text string
	Errors       []string
}

// visitMost bounds a visit to the shop.
const visitMost = 4 * time.Minute

// visit runs a visit and fails the test for each violation.
func (v visitor) visit(t *testing.T, name, base string, pages int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), v.node, "visit.mjs", name, base, v.chromium)
	var errs bytes.Buffer
	cmd.Dir, cmd.Stderr = v.dir, &errs
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	timer := time.AfterFunc(visitMost, func() { _ = cmd.Process.Signal(os.Interrupt) })
	defer timer.Stop()
	began := time.Now()
	out, err := cmd.Output()
	visited, checks := map[string]bool{}, 0
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var s stop
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		if s.Failed != "" {
			t.Errorf("at %s: %s\nthe page says: %s\nerrors: %v", s.Address, s.Failed, s.Text, s.Errors)
			continue
		}
		visited[s.Stop] = true
		checks += s.Passes
		for _, violation := range s.Violations {
			t.Errorf("%s (%s, %s): %s, %s: %s", s.Stop, s.Look, s.Address, violation.ID, violation.Impact, violation.Help)
		}
		if len(s.Violations) > 0 {
			t.Log(lines.Text())
		}
	}
	if err != nil {
		t.Fatalf("the visit failed: %v\n%s", err, errs.String())
	}
	if len(visited) < pages {
		t.Errorf("%d pages were checked, want %d", len(visited), pages)
	}
	figure(t, "%d pages in two looks, %d checks by axe passed, in %s", len(visited), checks, ms(time.Since(began)))
}
