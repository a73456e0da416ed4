package e2e

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// lazyDisk is a file system that loses what was not synced when power fails
// (tools/lazyfs).
type lazyDisk struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Scanner
}

// onLazyDisk puts the state of an app on one. With a lie its syncs do nothing.
func (a *app) onLazyDisk(t *testing.T, lie bool) *lazyDisk {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("skipped: only root can mount a file system")
	}
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		t.Skipf("skipped: there is no FUSE here: %v", err)
	} else {
		_ = f.Close()
	}
	program := filepath.Join(newDir(t), "lazyfs")
	if err := goBuild(filepath.Join(bin.repo, "tools", "lazyfs"), program, "."); err != nil {
		t.Fatal(err)
	}
	args := []string{filepath.Base(a.layout.StateDir)} // by its whole name it would be a process of the app
	if lie {
		args = append([]string{"-lie"}, args...)
	}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stderr = filepath.Dir(a.layout.StateDir), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(a.layout.StateDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d := &lazyDisk{t: t, in: in, out: bufio.NewScanner(out)}
	d.answer("ready")
	t.Cleanup(func() {
		a.cleanUp() // the disk can go when nothing runs on it
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the end of the disk: %v", err)
		}
	})
	return d
}

// answer reads the next line, which must begin so.
func (d *lazyDisk) answer(want string) string {
	d.t.Helper()
	if !d.out.Scan() {
		d.t.Fatalf("the disk has ended: %v", d.out.Err())
	}
	if line := d.out.Text(); strings.HasPrefix(line, want) {
		return line
	}
	d.t.Fatalf("the disk says %q, and %q was expected", d.out.Text(), want)
	return ""
}

// cut ends the power. What is done on the disk from then on is never seen again, and
// no sync succeeds. It returns what is lost.
func (d *lazyDisk) cut(seed uint64) string {
	d.t.Helper()
	if _, err := fmt.Fprintf(d.in, "cut %d\n", seed); err != nil {
		d.t.Fatal(err)
	}
	return d.answer("")
}

// boot gives the power back. Nothing may run on the disk any more.
func (d *lazyDisk) boot() {
	d.t.Helper()
	if _, err := fmt.Fprintln(d.in, "boot"); err != nil {
		d.t.Fatal(err)
	}
	d.answer("ready")
}

// killAll kills all processes of an app, which start each other as long as one is there.
func (a *app) killAll(t *testing.T) {
	t.Helper()
	for list := a.processes(); len(list) > 0; list = a.processes() {
		for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGKILL} {
			for _, p := range list {
				_ = syscall.Kill(p.pid, sig) // it may have ended
			}
		}
		for _, p := range list {
			dead(t, p.pid)
		}
	}
	// Sockets are in memory: a machine that starts has none.
	if err := os.RemoveAll(a.layout.RunDir); err != nil {
		t.Fatal(err)
	}
}
