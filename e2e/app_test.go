package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/banyanrun/banyan/internal/daemon/layout"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// app is one app of a test: a directory with an app file, and what runs of it.
type app struct {
	t      *testing.T
	dir    string
	port   int // of the gateway
	layout layout.Layout
	env    []string            // of the command line; later ones win
	as     *syscall.Credential // who runs the command line; nil: whoever runs the tests
}

// newApp makes an app of the given file. ${port} stands for the gateway's port,
// ${testapp} for the test program.
func newApp(t *testing.T, file string) *app {
	t.Helper()
	a := &app{t: t, dir: newDir(t), port: freePort(t), env: os.Environ()}
	a.write("banyan.yaml", file)
	a.locate()
	t.Cleanup(a.cleanUp)
	return a
}

// locate finds where the state of the app's directory is.
func (a *app) locate() {
	a.t.Helper()
	var err error
	if a.layout, err = layout.Beside(a.dir); err != nil {
		a.t.Fatal(err)
	}
}

// newDir makes a directory that services with users of their own may enter.
func newDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(bin.dir, strings.ToLower(t.Name()[len("Test"):min(len(t.Name()), 20)])+"-") //nolint:usetesting // others cannot enter t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

var portsGiven = struct {
	sync.Mutex
	had map[int]bool
}{had: map[int]bool{}}

// freePort returns a port that nobody listens on. It is below those that
// outgoing connections get, so it stays free until the gateway takes it.
func freePort(t *testing.T) int {
	t.Helper()
	portsGiven.Lock()
	defer portsGiven.Unlock()
	for range 1000 {
		port := 12000 + rand.IntN(7000)
		if portsGiven.had[port] {
			continue
		}
		l, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err == nil {
			portsGiven.had[port] = true
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no port is free between 12000 and 19000")
	return 0
}

// write writes a file of the app, with the placeholders of newApp replaced.
func (a *app) write(name, content string) {
	a.t.Helper()
	content = strings.NewReplacer(
		"${port}", strconv.Itoa(a.port), "${testapp}", bin.testapp, "\t", "  ",
	).Replace(content)
	path := filepath.Join(a.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		a.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		a.t.Fatal(err)
	}
}

// edit replaces old, which must be there once, in the app file.
func (a *app) edit(old, with string) {
	a.t.Helper()
	data, err := os.ReadFile(filepath.Join(a.dir, "banyan.yaml"))
	if err != nil {
		a.t.Fatal(err)
	}
	if n := bytes.Count(data, []byte(old)); n != 1 {
		a.t.Fatalf("the app file has %q %d times, want once", old, n)
	}
	a.write("banyan.yaml", strings.Replace(string(data), old, with, 1))
}

// result is how a command ended.
type result struct {
	args     []string
	out, err string
	code     int
	took     time.Duration
}

func (r result) String() string {
	return fmt.Sprintf("banyan %s: exit code %d after %s\n%s%s", strings.Join(r.args, " "), r.code, r.took.Round(time.Millisecond), r.out, r.err)
}

// commandMost bounds any command.
const commandMost = 3 * time.Minute

// banyan runs a command in the app's directory.
func (a *app) banyan(args ...string) result { return a.run(a.command(args...)) }

func (a *app) command(args ...string) *exec.Cmd {
	cmd := exec.Command(bin.banyan, args...)
	cmd.Dir, cmd.Env = a.dir, a.env
	if a.as != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.as}
	}
	return cmd
}

func (a *app) run(cmd *exec.Cmd) result {
	a.t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	if err := cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	timer := time.AfterFunc(commandMost, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	r := result{args: cmd.Args[1:], out: out.String(), err: errs.String(), code: cmd.ProcessState.ExitCode(), took: time.Since(began)}
	if !timer.Stop() {
		r.err += "killed by the test: it took too long\n"
	}
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		a.t.Fatalf("%s\n%v", r, err)
	}
	return r
}

// must runs a command that has to succeed.
func (a *app) must(args ...string) result {
	a.t.Helper()
	r := a.banyan(args...)
	if r.code != 0 {
		a.t.Fatal(r)
	}
	return r
}

// up brings the app up, or applies its file, and waits until all is ready.
func (a *app) up() result {
	a.t.Helper()
	return a.must("up", "-d")
}

// ps is what `banyan ps --json` says. Other than status, it starts a daemon
// where there is none.
func (a *app) ps() *banyanv1.Status {
	a.t.Helper()
	st := &banyanv1.Status{}
	if err := protojson.Unmarshal([]byte(a.must("ps", "--json").out), st); err != nil {
		a.t.Fatal(err)
	}
	return st
}

// url is an address at the gateway.
func (a *app) url(path string) string { return "http://127.0.0.1:" + strconv.Itoa(a.port) + path }

// cleanUp takes down whatever is left of the app and says what a failed test
// leaves to look at.
func (a *app) cleanUp() {
	if a.t.Failed() {
		a.dump()
	}
	if r := a.banyan("down", "--force"); r.code != 0 && !strings.Contains(r.err, "no app is running") {
		a.t.Errorf("at the end: %s", r)
	}
	a.nothingLeft()
	for _, p := range a.processes() {
		_ = syscall.Kill(p.pid, syscall.SIGKILL)
	}
}

// nothingLeft fails the test if a process of the app remains.
func (a *app) nothingLeft() {
	a.t.Helper()
	err := until(context.Background(), 5*time.Second, func() error {
		if left := a.processes(); len(left) > 0 {
			return fmt.Errorf("%d processes are left after down:\n%s", len(left), listed(left))
		}
		return nil
	})
	if err != nil {
		a.t.Error(err)
	}
}

// dump logs what explains a failure.
func (a *app) dump() {
	a.t.Log(a.banyan("ps", "-i"))
	if st, err := a.status(); err == nil {
		args := []string{"logs", "--tail", "40"} // the gateway's access log would hide the rest
		for _, s := range st.GetServices() {
			args = append(args, s.GetName())
		}
		a.t.Log(a.banyan(args...))
	}
	a.t.Log(a.banyan("logs", "--tail", "10", "gateway"))
	if data, err := os.ReadFile(a.layout.DaemonLog); err == nil {
		lines := strings.Split(string(data), "\n")
		a.t.Logf("daemon.log:\n%s", strings.Join(lines[max(0, len(lines)-40):], "\n"))
	}
}
