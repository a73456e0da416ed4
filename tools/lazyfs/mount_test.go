//go:build linux

package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Programs see a file system, and after power failed what it has left.
func TestMounted(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("skipped: only root can mount a file system")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skipf("skipped: there is no FUSE here: %v", err)
	}
	m := &machine{dir: t.TempDir(), disk: newDisk(false)}
	if err := m.on(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.unmount(); err != nil {
			t.Error(err)
		}
	}()
	name := filepath.Join(m.dir, "kept")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dir, err := os.Open(m.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for _, err := range []error{say(f, "synced"), f.Sync(), dir.Sync(), os.WriteFile(filepath.Join(m.dir, "lost"), nil, 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	// The first seed that loses all.
	for seed := uint64(0); m.next == nil || m.next.lookup(m.next.root, "lost") != nil; seed++ {
		m.next, _ = m.disk.lose(seed)
	}
	if err := f.Sync(); err == nil {
		t.Error("a sync succeeded without power")
	}
	if err := say(f, "more"); err != nil {
		t.Error(err)
	}
	_, _ = f.Close(), dir.Close()
	if said, err := m.command("boot"); said != "ready" || err != nil {
		t.Fatal(said, err)
	}
	text, err := os.ReadFile(name)
	if err != nil || string(text) != "synced" {
		t.Errorf("%q, %v", text, err)
	}
	if list, err := os.ReadDir(m.dir); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
}

func say(f *os.File, text string) error {
	_, err := f.WriteString(text)
	return err
}
