package process_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/banyanrun/banyan/internal/driver"
	"github.com/banyanrun/banyan/internal/driver/drivertest"
	"github.com/banyanrun/banyan/internal/driver/process"
	"github.com/banyanrun/banyan/internal/fault"
)

func TestDriverUntracked(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) driver.Driver {
		t.Helper()
		d, err := newDriver()
		if err != nil {
			t.Fatal(err)
		}
		d.Untracked()
		t.Cleanup(d.Close)
		return d
	})
	makeDriver(t, "").Close() // what the daemons in processes of their own left
}

func makeDriver(tb testing.TB, tag string) *process.Driver {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	d, err := process.New(process.Options{Exec: []string{exe, "exec"}, Tag: strings.TrimSuffix(os.Getenv(tagVariable)+"-"+tag, "-")})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(d.Close)
	return d
}

func startShell(tb testing.TB, d *process.Driver, spec driver.Spec, script string) driver.Process {
	tb.Helper()
	spec.ID = strings.ReplaceAll(tb.Name(), "/", "-")
	spec.Argv = []string{"/bin/sh", "-c", script}
	spec.Env = append(spec.Env, "PATH=/usr/bin:/bin")
	if spec.Dir == "" {
		spec.Dir = "/"
	}
	prep, err := d.Prepare(tb.Context(), spec)
	if err != nil {
		tb.Fatal(err)
	}
	p, err := prep.Start(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = p.Stop(context.Background(), "SIGKILL", 0) })
	return p
}

// TestOtherUser checks that root is given up for good, groups included.
func TestOtherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can run programs as another user")
	}
	uid, gid, err := process.LookupUser("nobody")
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	_ = os.Chmod(filepath.Dir(dir), 0o755)
	out := filepath.Join(dir, "out")
	p := startShell(t, makeDriver(t, "user"), driver.Spec{Stdout: out, Credential: true, UID: uid, GID: gid},
		`id -u; id -g; id -G; grep -E "^Cap(Prm|Eff)" /proc/self/status`)
	<-p.Done()
	got, _ := os.ReadFile(out)
	none := "0000000000000000\n"
	want := fmt.Sprintf("%d\n%d\n%d\nCapPrm:\t%sCapEff:\t%s", uid, gid, gid, none, none)
	if string(got) != want {
		t.Errorf("it runs as\n%s\nnot as\n%s", got, want)
	}
}

// TestExecAsUser: a probe command beside an adopted instance has its user.
func TestExecAsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can run programs as another user")
	}
	uid, gid, err := process.LookupUser("65534")
	if err != nil {
		t.Skip(err)
	}
	p := startShell(t, makeDriver(t, "user"), driver.Spec{Credential: true, UID: uid, GID: gid}, `sleep 60; :`)
	adopted, err := makeDriver(t, "user").Adopt(t.Context(), p.Identity())
	if err != nil {
		t.Fatal(err)
	}
	if err := adopted.Exec(t.Context(), []string{"sh", "-c", "test $(id -u) = " + strconv.Itoa(int(uid))}); err != nil {
		t.Error(err)
	}
}

func TestLookupUser(t *testing.T) {
	_, _, err := process.LookupUser("no-such-user-here")
	if fault.CodeOf(err) != fault.Invalid || !strings.Contains(err.Error(), "useradd") {
		t.Errorf("an unknown user: %v", err)
	}
	if uid, _, err := process.LookupUser("root"); err != nil || uid != 0 {
		t.Errorf("root has uid %d (%v)", uid, err)
	}
}

// TestNothingInherited: only 0, 1 and 2 are open, and no signal is ignored.
func TestNothingInherited(t *testing.T) {
	leak, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer leak.Close()
	out := filepath.Join(t.TempDir(), "out")
	p := startShell(t, makeDriver(t, "inherit"), driver.Spec{Stdout: out},
		`ls /proc/$$/fd; grep SigIgn /proc/$$/status; readlink /proc/$$/fd/0`)
	<-p.Done()
	got, _ := os.ReadFile(out)
	if string(got) != "0\n1\n2\nSigIgn:\t0000000000000000\n/dev/null\n" {
		t.Errorf("it sees %q", got)
	}
}

// TestStaleCgroups: what a daemon left that died before anybody knew the
// identity is removed by the next one.
func TestStaleCgroups(t *testing.T) {
	d := makeDriver(t, "stale")
	prep, err := d.Prepare(t.Context(), driver.Spec{ID: "x", Argv: []string{"true"}, Dir: "/"})
	if err != nil {
		t.Fatal(err)
	}
	dirs := prep.Identity().Cgroup
	prep.Abort()
	if dirs == "" {
		t.Skip("no cgroups here")
	}
	for dir := range strings.SplitSeq(dirs, ":") {
		if err := os.MkdirAll(filepath.Join(dir, "inner"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	makeDriver(t, "stale")
	for dir := range strings.SplitSeq(dirs, ":") {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s is left", dir)
		}
	}
}

// TestIgnoredHangup: a daemon started with nohup does not pass that on.
func TestIgnoredHangup(t *testing.T) {
	cmd := exec.Command("nohup", os.Args[0], "-test.run=TestNothingInherited")
	cmd.Stdin = nil
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestNoGoroutineStays looks after all that the other tests did.
func TestNoGoroutineStays(t *testing.T) {
	d := makeDriver(t, "leak")
	p := startShell(t, d, driver.Spec{}, "exit 3")
	<-p.Done()
	if err := p.Stop(t.Context(), "SIGTERM", time.Second); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t)
}

// TestOwnsPrefersWhatIsReached: the instance listens on [::1], a stranger on
// 127.0.0.1 with the same port, where calls would go.
func TestOwnsPrefersWhatIsReached(t *testing.T) {
	stranger, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	port := stranger.Addr().(*net.TCPAddr).Port
	d := makeDriver(t, "owns")
	out := filepath.Join(t.TempDir(), "out")
	prep, err := d.Prepare(t.Context(), driver.Spec{ID: "owns", Dir: "/", Stdout: out,
		Argv: []string{d.Helper()[0], "drivertest-program", "listen", "[::1]:" + strconv.Itoa(port)}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := prep.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop(context.Background(), "SIGKILL", 0) })
	waitPort(t, out)
	time.Sleep(25 * time.Millisecond) //nolint:forbidigo // a shared reading of the table may be 20 ms old
	if l, o, addr, ok := p.Owns(port); !l || o || addr != "127.0.0.1" || !ok {
		t.Errorf("with the stranger: %v %v %s %v", l, o, addr, ok)
	}
	_ = stranger.Close()
	time.Sleep(25 * time.Millisecond) //nolint:forbidigo // as above
	if l, o, addr, ok := p.Owns(port); !l || !o || addr != "::1" || !ok {
		t.Errorf("without: %v %v %s %v", l, o, addr, ok)
	}
}

func waitPort(t *testing.T, out string) int {
	t.Helper()
	for range 5000 {
		if f, err := os.Open(out); err == nil {
			sc := bufio.NewScanner(f)
			for sc.Scan() {
				if s, ok := strings.CutPrefix(sc.Text(), "port "); ok {
					_ = f.Close()
					port, _ := strconv.Atoi(s)
					return port
				}
			}
			_ = f.Close()
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // polls a file that another process writes
	}
	t.Fatal("it does not listen")
	return 0
}

// BenchmarkOwns is one readiness check's question, the table shared.
func BenchmarkOwns(b *testing.B) {
	d := makeDriver(b, "benchowns")
	p := startShell(b, d, driver.Spec{}, "sleep 60; :")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	port := ln.Addr().(*net.TCPAddr).Port
	for b.Loop() {
		p.Owns(port)
	}
}
