package cli_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// bin is where scripts find banyan, built as a user would build it, and svc.
// Services that run under users of their own must be able to reach it.
var bin string

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "svc" {
		os.Exit(svc(os.Args[1:]))
	}
	os.Exit(withTools(m))
}

func withTools(m *testing.M) int {
	dir, err := os.MkdirTemp("", "banyan-cli")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		bin = filepath.Join(dir, "bin")
		err = makeTools(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func makeTools(dir string) error {
	for path, mode := range map[string]os.FileMode{dir: 0o755, bin: 0o755, filepath.Join(dir, "tmp"): 0o777 | os.ModeSticky} {
		if err := os.MkdirAll(path, 0o755); err != nil { // services of other users read it
			return err
		}
		if err := os.Chmod(path, mode); err != nil {
			return err
		}
	}
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "banyan"), "github.com/banyanrun/banyan/cmd/banyan")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if os.Link(self, filepath.Join(bin, "svc")) == nil {
		return nil
	}
	return copyFile(filepath.Join(bin, "svc"), self)
}

func copyFile(to, from string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755) // services of other users run it
	if err != nil {
		return err
	}
	if _, err := io.Copy(dst, src); err != nil {
		return err
	}
	return dst.Close()
}

// TestScripts runs testdata/script/*.txtar. Beside testscript's own commands
// there are banyan, svc (a small service, see svc_test.go) and:
//
//	fetch URL       prints what an HTTP GET answers; fails unless it is 200
//	hangup          tells background commands that their terminal is gone
//	until TEXT URL  waits until a GET of URL answers TEXT
//	shows FILE RE   waits until a file holds what the regular expression matches
//	waits TEXT CMD… waits until the command's output has the text
//
// $GATEWAY is a free address. A script that needs a daemon is skipped where
// cmd/banyan has none.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Setup: setup,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"fetch": fetch, "until": until, "shows": shows, "waits": waits, "hangup": hangup,
		},
		Condition: func(cond string) (bool, error) {
			if cond == "daemon" {
				return hasDaemon(), nil
			}
			return false, fmt.Errorf("unknown condition %s", cond)
		},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

func hasDaemon() bool {
	out, _ := exec.Command(filepath.Join(bin, "banyan"), "daemon").CombinedOutput() // it fails either way
	return !strings.Contains(string(out), "built without its")
}

var scripts atomic.Int32

func setup(env *testscript.Env) error {
	base := filepath.Dir(bin)
	run := filepath.Join(base, fmt.Sprintf("run%d", scripts.Add(1))) // short, for sockets
	if err := os.Mkdir(run, 0o700); err != nil {
		return err
	}
	// Services of other users pass through the script's directory.
	for dir := env.WorkDir; strings.Contains(dir, "go-test-script"); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	env.Setenv("GATEWAY", listener.Addr().String())
	env.Setenv("XDG_RUNTIME_DIR", run)
	env.Setenv("TMPDIR", filepath.Join(base, "tmp"))
	env.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	env.Setenv("NO_COLOR", "1")
	env.Defer(func() { downAll(env) })
	return listener.Close()
}

// downAll leaves nothing running, also where a script failed.
func downAll(env *testscript.Env) {
	for _, pattern := range []string{".banyan", "*/.banyan", "state"} {
		dirs, _ := filepath.Glob(filepath.Join(env.WorkDir, pattern))
		for _, dir := range dirs {
			cmd := exec.Command(filepath.Join(bin, "banyan"), "--state-dir", dir, "down", "--force")
			cmd.Env, cmd.Dir = env.Vars, env.WorkDir
			_ = cmd.Run() // most are down already
		}
	}
}

func fetch(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: fetch URL")
	}
	client := &http.Client{Timeout: 10 * time.Second}
	res, err := client.Get(args[0])
	if err != nil {
		if !neg {
			ts.Fatalf("%v", err)
		}
		return
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	ts.Check(err)
	_, err = ts.Stdout().Write(body)
	ts.Check(err)
	if ok := res.StatusCode == http.StatusOK; ok == neg {
		ts.Fatalf("%s: %s", args[0], res.Status)
	}
}

func hangup(ts *testscript.TestScript, _ bool, _ []string) {
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(syscall.SIGHUP))
	}
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: until TEXT URL")
	}
	waitFor(ts, args[0], func() bool {
		res, err := http.Get(args[1])
		if err != nil {
			return false
		}
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		return err == nil && strings.Contains(string(body), args[0])
	})
}

func shows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: shows FILE REGEXP")
	}
	want := regexp.MustCompile(args[1])
	waitFor(ts, args[1], func() bool {
		data, _ := os.ReadFile(ts.MkAbs(args[0])) // it may not be there yet
		return want.Match(data)
	})
}

func waits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: waits TEXT COMMAND…")
	}
	waitFor(ts, args[0], func() bool {
		return ts.Exec(args[1], args[2:]...) == nil && strings.Contains(ts.ReadFile("stdout"), args[0])
	})
}

// waitFor asks again and again: what happens in another process cannot be
// waited on otherwise.
func waitFor(ts *testscript.TestScript, what string, holds func() bool) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
		if holds() {
			return
		}
	}
	ts.Fatalf("%s: not within 30s", what)
}
