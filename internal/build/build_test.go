package build_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/build"
)

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func request(dir string, argv ...string) build.Request {
	return build.Request{Service: "order", Key: "k1", Dir: dir, Timeout: time.Minute, Argv: argv, Env: []string{"PATH=" + os.Getenv("PATH")}}
}

func TestSameOutputSameDigest(t *testing.T) {
	dir := t.TempDir()
	b := build.New(t.TempDir())
	r := request(dir, "sh", "-c", "echo hello > "+b.Out("order", "k1")+"/a")
	one, err := b.Build(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	r.Key, r.Argv = "k2", []string{"sh", "-c", "echo hello > " + b.Out("order", "k2") + "/a"}
	two, err := b.Build(t.Context(), r)
	if err != nil || one.Digest != two.Digest || one.Dir == two.Dir {
		t.Fatalf("%+v %+v %v", one, two, err)
	}
	if err := b.Remove("order", "k1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(one.Dir); !os.IsNotExist(err) {
		t.Fatal("a removed output was kept")
	}
	if _, err := os.Stat(filepath.Join(two.Dir, "a")); err != nil {
		t.Fatal("another output was removed")
	}
}

// A Go program whose source differs by a comment is the same program.
func TestCommentIsNoNewDigest(t *testing.T) {
	dir, b := t.TempDir(), build.New(t.TempDir())
	digest := func(key, comment, text string) string {
		t.Helper()
		write(t, dir, "go.mod", "module example.com/x\n\ngo 1.26\n")
		write(t, dir, "main.go", "package main\n\n// "+comment+"\nfunc main() { println(\""+text+"\") }\n")
		r := request(dir, "go", "build", "-o", b.Out("order", key)+"/x", ".")
		r.Key, r.Env = key, os.Environ()
		result, err := b.Build(t.Context(), r)
		if err != nil {
			t.Fatalf("%+v", err)
		}
		return result.Digest
	}
	one, two, three := digest("k1", "one", "hello"), digest("k2", "two", "hello"), digest("k3", "two", "hallo")
	if runtime.GOOS == "linux" && one != two {
		t.Error("a comment made another digest")
	}
	if two == three {
		t.Error("another program has the same digest")
	}
}

func TestFailureCarriesTheCompilersWords(t *testing.T) {
	b := build.New(t.TempDir())
	_, err := b.Build(t.Context(), request(t.TempDir(), "sh", "-c", "echo main.go:3: undefined: x >&2; exit 2"))
	failed, ok := errors.AsType[*build.Error](err)
	if !ok || failed.Reason != "the build failed: exit status 2" || len(failed.Output) != 1 || !strings.Contains(failed.Output[0], "undefined: x") {
		t.Fatalf("%+v", err)
	}
}

func TestMissingProgramIsNamed(t *testing.T) {
	_, err := build.New(t.TempDir()).Build(t.Context(), request(t.TempDir(), "no-such-compiler"))
	if err == nil || !strings.Contains(err.Error(), "no-such-compiler is not on PATH") {
		t.Fatalf("%v", err)
	}
}

func TestTimeoutKillsTheWholeGroup(t *testing.T) {
	dir := t.TempDir()
	r := request(dir, "sh", "-c", "sleep 60 & echo $! > pid; wait")
	r.Timeout = 300 * time.Millisecond
	_, err := build.New(t.TempDir()).Build(t.Context(), r)
	if err == nil || !strings.Contains(err.Error(), "build_timeout of 300ms") {
		t.Fatalf("%v", err)
	}
}

func TestCancelledBuildIsNoFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := build.New(t.TempDir()).Build(ctx, request(t.TempDir(), "true"))
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
}

func TestSourcesHash(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a/main.go", "package main")
	write(t, dir, "b/other.go", "package b")
	write(t, dir, ".gitignore", "*.log\n/out/\n")
	s := build.NewSources()
	hash := func(paths ...string) string {
		t.Helper()
		h, err := s.Hash(dir, paths)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	whole, onlyA := hash(), hash("a")
	write(t, dir, "a/debug.log", "x")
	write(t, dir, "out/bin", "x")
	write(t, dir, ".git/HEAD", "x")
	write(t, dir, ".banyan/state.db", "x")
	if hash() != whole {
		t.Fatal("ignored files count")
	}
	write(t, dir, "b/other.go", "package c")
	if hash() == whole || hash("a") != onlyA {
		t.Fatal("a change in b must change the whole and not a")
	}
	if err := os.Chmod(filepath.Join(dir, "a/main.go"), 0o755); err != nil {
		t.Fatal(err)
	}
	if hash("a") == onlyA {
		t.Fatal("a file that became a program must count")
	}
	if _, err := s.Hash(dir, []string{"missing"}); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Fatalf("%v", err)
	}
}
