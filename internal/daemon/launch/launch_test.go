package launch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLastLines: what an earlier daemon wrote is no reason why this one did not start.
func TestLastLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "daemon.log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	write := func(text string) int64 {
		t.Helper()
		before, err := logBegin(log)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := log.WriteString(text); err != nil {
			t.Fatal(err)
		}
		return before
	}
	write("the port is taken\n")
	if got := lastLines(path, write("")); got != "" {
		t.Errorf("%q", got)
	}
	if got := lastLines(path, write("the disk is full\n")); got != ":\n  the disk is full" {
		t.Errorf("%q", got)
	}
	write(strings.Repeat("x", logMost))
	if got := lastLines(path, write("again\n")); got != ":\n  again" {
		t.Errorf("%q", got)
	}
	if info, err := log.Stat(); err != nil || info.Size() > 100 {
		t.Error(info.Size(), err)
	}
}
