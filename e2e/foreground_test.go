package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// attached is an `up` in the foreground.
type attached struct {
	*app
	cmd   *exec.Cmd
	ended chan struct{}

	mu  sync.Mutex
	out bytes.Buffer
}

// Write takes the command's output.
func (f *attached) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.out.Write(p)
}

func (f *attached) text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.out.String()
}

// foreground runs `up` with more arguments, in a session of its own as in a terminal.
func (a *app) foreground(args ...string) *attached {
	a.t.Helper()
	f := &attached{app: a, cmd: a.command(append([]string{"up"}, args...)...), ended: make(chan struct{})}
	f.cmd.Stdout, f.cmd.Stderr = f, f
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := f.cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	go func() {
		_ = f.cmd.Wait() // the tests look at ProcessState
		close(f.ended)
	}()
	a.t.Cleanup(func() {
		_ = f.cmd.Process.Kill() // it has ended, or is to
		<-f.ended
	})
	return f
}

// says waits until the command has written a text so many times.
func (f *attached) says(text string, times int) {
	f.t.Helper()
	await(f.t, 60*time.Second, "output of up", func() error {
		if strings.Count(f.text(), text) < times {
			return fmt.Errorf("%q is not %d times in:\n%s", text, times, f.text())
		}
		return nil
	})
}

// ends waits for the command's end and returns its exit code.
func (f *attached) ends(most time.Duration) int {
	f.t.Helper()
	select {
	case <-f.ended:
	case <-time.After(most):
		f.t.Fatalf("up has not ended after %s:\n%s", most, f.text())
	}
	return f.cmd.ProcessState.ExitCode()
}

// Ctrl-C brings the app down and ends with success.
func TestForegroundCtrlC(t *testing.T) {
	a := newApp(t, tinyFile(2, 1))
	f := a.foreground()
	f.says("tiny is up at http://127.0.0.1", 1)
	f.says("s1-1 begins", 1) // logs are shown
	a.who("/s1")
	signal(t, f.cmd.Process.Pid, syscall.SIGINT)
	if code := f.ends(15 * time.Second); code != 0 {
		t.Errorf("exit code %d:\n%s", code, f.text())
	}
	f.says("s1-1 is asked to stop", 1)
	a.nothingLeft()
}

// A second Ctrl-C does not wait for grace periods.
func TestForegroundCtrlCTwice(t *testing.T) {
	a := newApp(t, `
name: mule
services:
	mule: {command: "${testapp}", stop_grace_period: 1h, environment: {IGNORE_TERM: "1"}}
`)
	f := a.foreground()
	f.says("mule is up", 1)
	signal(t, f.cmd.Process.Pid, syscall.SIGINT)
	f.says("mule-1 is asked to stop", 1)
	began := time.Now()
	signal(t, f.cmd.Process.Pid, syscall.SIGINT)
	f.ends(10 * time.Second)
	t.Logf("it ended %s after the second Ctrl-C", ms(time.Since(began)))
	a.nothingLeft()
}

// Ctrl-C during a start stops what was begun.
func TestForegroundCtrlCDuringStart(t *testing.T) {
	a := newApp(t, strings.ReplaceAll(tinyFile(3, 2), "VERSION: one", "START_DELAY: 20s"))
	f := a.foreground()
	f.says("s1-1 begins", 1)
	signal(t, f.cmd.Process.Pid, syscall.SIGINT)
	f.ends(20 * time.Second)
	a.nothingLeft()
}

// When the terminal goes away the app stays.
func TestForegroundHangUp(t *testing.T) {
	a := newApp(t, tinyFile(1, 1))
	f := a.foreground()
	f.says("tiny is up", 1)
	before := a.pidsNow()
	signal(t, f.cmd.Process.Pid, syscall.SIGHUP)
	f.ends(10 * time.Second)
	samePids(t, before, pids(a.ps()))
	a.who("/s1")
	// Another `up` in the foreground attaches to what runs.
	again := a.foreground()
	again.says("tiny is up", 1)
	samePids(t, before, a.pidsNow())
	kill(t, a.pid("daemon")) // it goes on with the next daemon
	a.settled(10 * time.Second)
	get(t, a.url("/s1/say?line=heard-after-the-daemon"))
	again.says("heard-after-the-daemon", 1)
	signal(t, again.cmd.Process.Pid, syscall.SIGINT)
	again.ends(15 * time.Second)
	a.nothingLeft()
}

// With --watch a change of the sources replaces the service, and one that does
// not build leaves it as it is.
func TestForegroundWatch(t *testing.T) {
	long(t)
	a := newApp(t, buildFile)
	a.source("go.mod", "module example.com/built\n\ngo 1.26\n")
	a.source("a/main.go", buildMain)
	a.source("b/main.go", buildMain)
	f := a.foreground("--watch")
	f.says("built is up", 1)
	b := a.one("b").GetPid()
	becomes := func(want string) {
		t.Helper()
		await(t, 60*time.Second, "the new revision", func() error {
			r, err := send("GET", a.url("/a"), nil)
			if err == nil && string(r.body) != want {
				err = errors.New(r.String())
			}
			return err
		})
	}
	began := time.Now()
	a.source("a/main.go", strings.Replace(buildMain, `"hello"`, `"good day"`, 1))
	becomes("good day")
	figure(t, "from a saved file to the new revision in %s", ms(time.Since(began)))
	a.source("a/main.go", strings.Replace(buildMain, `"hello"`, `helo`, 1))
	f.says("undefined: helo", 1)
	becomes("good day")
	a.source("a/main.go", strings.Replace(buildMain, `"hello"`, `"good night"`, 1))
	becomes("good night")
	if now := a.one("b").GetPid(); now != b {
		t.Errorf("b was process %d and is %d now", b, now)
	}
	// The app file itself is watched, too.
	a.edit("{path: /b, to: b}", "{path: /b, to: b}, {path: /c, to: b}")
	await(t, 30*time.Second, "the new route", func() error {
		r, err := send("GET", a.url("/c"), nil)
		if err == nil && r.status != 200 {
			err = errors.New(r.String())
		}
		return err
	})
	signal(t, f.cmd.Process.Pid, syscall.SIGINT)
	f.ends(15 * time.Second)
	a.nothingLeft()
}
