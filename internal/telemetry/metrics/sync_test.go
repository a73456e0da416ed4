package metrics

import (
	"os"
	"path/filepath"
	"testing"
)

// The log is found whatever its directory is called.
func TestSegments(t *testing.T) {
	y := syncer{dir: filepath.Join(t.TempDir(), "a[b]c")}
	wal := filepath.Join(y.dir, "wal")
	if err := os.MkdirAll(filepath.Join(wal, "checkpoint.00000000"), 0o700); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(wal, "00000001")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := y.segments(); err != nil || len(got) != 1 || got[0] != name {
		t.Error(got, err)
	}
}
