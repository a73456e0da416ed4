package layout_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/banyanrun/banyan/internal/daemon/layout"
)

func TestMakeDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	for range 2 { // it may be there
		if err := layout.MakeDir(dir); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	if err := layout.MakeDir(filepath.Join(dir, "b", "c")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a parent: %v", err)
	}
}
