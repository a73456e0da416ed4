package dataplane_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func fetch(c *http.Client, url string) (string, error) {
	resp, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return string(body), err
}

func newClient(t *testing.T) *http.Client {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

func TestBindPublishDrainShutdown(t *testing.T) {
	b := newBed(t)
	b.run(b.config())
	b.bind()
	if err := b.k.Bind("gateway/tcp4", b.addr); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := b.k.Bind("other", b.addr); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("taken: %v", err)
	}
	b.waitAck(b.publish("echo-1"))
	c := newClient(t)
	if body, err := fetch(c, "http://"+b.addr); body != "hello" {
		t.Fatal(body, err)
	}
	if !b.k.Busy("echo-1") {
		t.Error("echo-1 may get requests")
	}

	// A request in flight keeps its instance until it is done.
	var slow sync.WaitGroup
	var ended atomic.Bool
	slow.Go(func() {
		if body, err := fetch(c, "http://"+b.addr+"?sleep=300ms"); body != "hello" {
			t.Error(body, err)
		}
		ended.Store(true)
	})
	<-b.sleeping
	b.waitAck(b.publish("echo-2"))
	if ended.Load() {
		t.Skip("the machine is too slow for this test")
	}
	if b.isDrained("echo-1") {
		t.Error("drained with a request in flight")
	}
	slow.Wait()
	eventually(t, "echo-1 drained", func() bool { return b.isDrained("echo-1") })
	if b.k.Busy("echo-1") {
		t.Error("echo-1 is done")
	}

	// One that was never sent (snapshots are skipped) is drained too.
	b.publish("echo-3")
	b.waitAck(b.publish("echo-2"))
	eventually(t, "echo-3 drained", func() bool { return b.isDrained("echo-3") })

	if err := b.k.Shutdown(t.Context(), time.Second); err != nil {
		t.Error(err)
	}
	if b.proc(0).cmd.ProcessState.ExitCode() != 0 {
		t.Error(b.proc(0).cmd.ProcessState)
	}
	if _, err := net.Dial("tcp", b.addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after shutdown: %v", err)
	}
}

// TestKill9UnderLoad: the address stays, nobody is refused, only requests that
// were in flight break.
func TestKill9UnderLoad(t *testing.T) {
	b := newBed(t)
	b.run(b.config())
	b.bind()
	b.waitAck(b.publish("echo-1"))

	stop := make(chan struct{})
	var clients sync.WaitGroup
	var ok, broken atomic.Int64
	for range 4 {
		clients.Go(func() {
			c := newClient(t)
			for {
				select {
				case <-stop:
					return
				default:
				}
				_, err := fetch(c, "http://"+b.addr)
				switch {
				case err == nil:
					ok.Add(1)
				case errors.Is(err, syscall.ECONNREFUSED):
					t.Error(err)
				default:
					broken.Add(1)
				}
			}
		})
	}
	for n := range 3 {
		time.Sleep(50 * time.Millisecond) //nolint:forbidigo // the clients are at work
		died := time.Now()
		_ = b.proc(n).Kill()
		eventually(t, "another data plane", func() bool { return b.proc(n+1) != nil })
		before := ok.Load()
		eventually(t, "answers", func() bool { return ok.Load() > before+8 })
		t.Logf("back after %v", time.Since(died))
	}
	close(stop)
	clients.Wait()
	// Each of 4 clients can lose one request a kill.
	if n := broken.Load(); n > 12 {
		t.Errorf("%d broken, %d fine", n, ok.Load())
	}
	t.Logf("%d fine, %d broken", ok.Load(), broken.Load())
}

// TestDeadCounts: what was published while there is no data plane counts as in force and drained.
func TestDeadCounts(t *testing.T) {
	b := newBed(t)
	b.run(b.config())
	b.bind()
	b.waitAck(b.publish("echo-1"))
	go func() { _, _ = fetch(newClient(t), "http://"+b.addr+"?sleep=2s") }()
	<-b.sleeping
	b.waitAck(b.publish("echo-2"))
	if !b.k.Busy("echo-1") || b.isDrained("echo-1") {
		t.Error("echo-1 has a request in flight")
	}
	_ = b.proc(0).Kill()
	eventually(t, "echo-1 drained", func() bool { return b.isDrained("echo-1") })
}

// TestHangs: a stopped data plane is replaced.
func TestHangs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 7 s")
	}
	t.Parallel()
	b := newBed(t)
	b.run(b.config())
	b.bind()
	b.waitAck(b.publish("echo-1"))
	freeze(t, b.proc(0))
	body, err := fetch(newClient(t), "http://"+b.addr)
	if body != "hello" {
		t.Error(err)
	}
	eventually(t, "another data plane", func() bool { return b.proc(1) != nil })
}

// freeze stops p and waits until all its threads are stopped.
func freeze(t *testing.T, p *process) {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGSTOP)
	eventually(t, "it stopped", func() bool {
		stats, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid))
		for _, f := range stats {
			if b, err := os.ReadFile(f); err == nil && !strings.Contains(string(b), ") T ") {
				return false
			}
		}
		return true // also where there is no /proc
	})
}

// TestDaemonDies: the data plane serves on, starts a daemon, and gives the next
// keeper its sockets.
func TestDaemonDies(t *testing.T) {
	b := newBed(t)
	b.run(b.config())
	b.bind()
	b.waitAck(b.publish("echo-1"))
	b.cancel() // the link ends without Bye
	<-b.runDone
	c := newClient(t)
	if body, err := fetch(c, "http://"+b.addr); body != "hello" {
		t.Fatal(err)
	}
	eventually(t, "a daemon is started", func() bool {
		_, err := os.Stat(filepath.Join(b.dir, "restarted"))
		return err == nil
	})

	old := b.k
	cfg := b.config()
	cfg.Running = b.proc(0)
	b.run(cfg)
	if got := b.k.Held()["gateway/tcp4"]; got != b.addr {
		t.Errorf("held: %q, want %q", got, b.addr)
	}
	if !b.k.Busy("whatever") {
		t.Error("nothing is known yet about what the data plane has in force")
	}
	b.waitAck(b.publish("echo-2"))
	if b.k.Busy("echo-1") {
		t.Error("echo-1 is in no snapshot any more")
	}
	if body, err := fetch(c, "http://"+b.addr); body != "hello" {
		t.Fatal(err)
	}
	if b.proc(1) != nil {
		t.Error("another data plane was started")
	}
	old.Leave() // the sockets that only the test holds
}

// TestStranger: a data plane that nobody knows the process of.
func TestStranger(t *testing.T) {
	b := newBed(t)
	b.run(b.config())
	b.bind()
	b.waitAck(b.publish("echo-1"))
	b.k.Leave()
	<-b.runDone
	b.run(b.config())
	if b.proc(1) != nil {
		t.Fatal("another data plane was started")
	}
	b.waitAck(b.publish("echo-1"))
	if err := b.k.Shutdown(context.Background(), 5*time.Second); err != nil {
		t.Error(err)
	}
	<-b.proc(0).Done()
	if _, err := os.Stat(filepath.Join(b.dir, "restarted")); err == nil {
		t.Error("a daemon was started after Bye")
	}
}

// TestUnresponsiveStranger: one that hangs is killed when it is adopted.
func TestUnresponsiveStranger(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 5 s")
	}
	t.Parallel()
	b := newBed(t)
	b.run(b.config())
	b.k.Leave()
	<-b.runDone
	freeze(t, b.proc(0))
	b.run(b.config())
	<-b.proc(0).Done()
	if b.proc(1) == nil {
		t.Error("no other data plane")
	}
}
