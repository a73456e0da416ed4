package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"
)

// full reports whether nothing may be skipped for want of a program.
func full() bool { return os.Getenv("BANYAN_E2E") == "full" }

// long marks a test that is not one of the quick ones.
func long(t *testing.T) {
	t.Helper()
	switch os.Getenv("BANYAN_E2E") {
	case "full", "long":
	default:
		t.Skip("skipped: `make e2e` runs the long end-to-end tests")
	}
}

// rounds is how often something is done: less often in the quick group.
func rounds(quick, long int) int {
	if n, err := strconv.Atoi(os.Getenv("BANYAN_E2E_ROUNDS")); err == nil {
		return n
	}
	if os.Getenv("BANYAN_E2E") == "" {
		return quick
	}
	return long
}

// between is how much more time there is between two faults, for more work per fault.
func between(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("BANYAN_E2E_BETWEEN")
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// how says how a person gets a program that a test needs.
var how = map[string]string{
	"python3":  "install Python 3.9 or later from your package manager or python.org",
	"node":     "install Node.js 20 or later from your package manager or nodejs.org",
	"chromium": "install Chromium from your package manager, or name one in BANYAN_E2E_CHROMIUM",
}

// needs returns the program's path; without it the test is skipped, or fails
// where nothing may be skipped.
func needs(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	absent(t, fmt.Sprintf("%s is not on PATH: %s", program, how[program]))
	return ""
}

// absent ends a test that this machine lacks something for.
func absent(t *testing.T, why string) {
	t.Helper()
	if full() {
		t.Fatal("BANYAN_E2E=full skips nothing, and " + why)
	}
	t.Skip("skipped: " + why)
}

// figures are the measurements of a run.
var figures figureList

type figureList struct {
	mu    sync.Mutex
	lines []string
}

// figure notes a measurement for the log and for the table at the end.
func figure(t *testing.T, format string, args ...any) {
	t.Helper()
	line := "figure: " + t.Name() + ": " + fmt.Sprintf(format, args...)
	t.Log(line)
	figures.mu.Lock()
	defer figures.mu.Unlock()
	figures.lines = append(figures.lines, line)
}

func (f *figureList) print(w io.Writer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, line := range f.lines {
		fmt.Fprintln(w, line)
	}
}
