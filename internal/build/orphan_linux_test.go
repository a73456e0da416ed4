package build_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/build"
)

// TestOrphan: a build whose daemon was killed is ended by the next one, with all
// that it started.
func TestOrphan(t *testing.T) {
	dir := t.TempDir()
	pidFile := filepath.Join(t.TempDir(), "pid")
	b := build.New(dir)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := b.Build(ctx, build.Request{
			Service: "a", Key: "k", Argv: []string{"/bin/sh", "-c", "sleep 60 & echo $! > " + pidFile + ".new; mv " + pidFile + ".new " + pidFile + "; wait"},
			Dir: dir, Env: []string{"PATH=" + os.Getenv("PATH")}, Timeout: time.Minute,
		})
		done <- err
	}()
	defer cancel()
	var child int
	for child == 0 {
		select {
		case err := <-done:
			t.Fatal(err)
		case <-time.After(5 * time.Millisecond):
		}
		data, _ := os.ReadFile(pidFile)
		child, _ = strconv.Atoi(strings.TrimSpace(string(data)))
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	remembered := time.Now().Add(5 * time.Second)
	for path := filepath.Join(dir, "a", "k.pid"); ; <-tick.C {
		if _, err := os.Stat(path); err == nil {
			break
		}
		if time.Now().After(remembered) {
			t.Fatalf("the build's pid is not kept in %s", path)
		}
	}
	// A stranger that has a forgotten build's pid is left alone.
	stranger := exec.CommandContext(t.Context(), "sleep", "60")
	stranger.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Process.Kill(); _ = stranger.Wait() }()
	forgotten := filepath.Join(dir, "a", "old.pid")
	if err := os.WriteFile(forgotten, []byte(strconv.Itoa(stranger.Process.Pid)+" boot/123"), 0o600); err != nil {
		t.Fatal(err)
	}

	build.New(dir)
	select {
	case err := <-done:
		if err == nil {
			t.Error("the build succeeded")
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the build goes on")
	}
	for deadline := time.Now().Add(5 * time.Second); ; <-tick.C {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(child) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("what the build started goes on: %s", stat)
		}
	}
	if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("a stranger was killed: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "a", "*.pid")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestReplacedFile: another file of the same size and time is another source.
func TestReplacedFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a")
	old := time.Now().Add(-time.Hour)
	write := func(path, content string, at time.Time) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	s := build.NewSources()
	hash := func() string {
		t.Helper()
		h, err := s.Hash(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	write(file, "one", old)
	one := hash()
	write(filepath.Join(dir, "new"), "two", old)
	if err := os.Rename(filepath.Join(dir, "new"), file); err != nil {
		t.Fatal(err)
	}
	two := hash()
	if two == one {
		t.Error("the file was replaced")
	}
	// Twice within one tick of the filesystem's clock.
	now := time.Now()
	write(file, "abc", now)
	first := hash()
	write(file, "xyz", now)
	if hash() == first {
		t.Error("the file was changed at once")
	}
}
