package slim

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestPages(t *testing.T) {
	const file = "/opt/banyan"
	for line, want := range map[string]bool{
		"00400000-01a3c000 r-xp 00000000 fe:00 1312                      /opt/banyan": true,
		"01a3c000-02f00000 r--p 0163c000 fe:00 1312                      /opt/banyan": true,
		"02f00000-03000000 rw-p 02b00000 fe:00 1312                      /opt/banyan": false,
		"7f0000000000-7f0000001000 r-xp 00000000 fe:00 99                /lib/banyan": false,
		"c000000000-c000400000 rw-p 00000000 00:00 0":                                 false,
		"no line": false,
	} {
		if from, to, ok := pages(line, file); ok != want || ok && from >= to {
			t.Errorf("%q: %x-%x, %v", line, from, to, ok)
		}
	}
}

// TestDown: less of the program is mapped after it, and the program goes on.
func TestDown(t *testing.T) {
	before := mapped(t)
	Down()
	if after := mapped(t); after >= before {
		t.Errorf("%d KiB of files were mapped, and %d KiB are", before, after)
	}
}

func mapped(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "RssFile:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(v), "kB")))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Skip("this kernel does not tell what of files is mapped")
	return 0
}
