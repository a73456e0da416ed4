package cli

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/banyanrun/banyan/internal/daemon/layout"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

const (
	building = banyanv1.State_STATE_BUILDING
	ready    = banyanv1.State_STATE_READY
	failing  = banyanv1.State_STATE_FAILED
	stopping = banyanv1.State_STATE_STOPPING
)

func TestUpDetached(t *testing.T) {
	r := newRun(t, false)
	r.d.onApply = func(*banyanv1.ApplyRequest) (*banyanv1.ApplyResponse, error) {
		r.d.set(shop(service("order", building, ""), service("user", ready, "")))
		return &banyanv1.ApplyResponse{Generation: 2, Warnings: []string{"nothing calls user"}}, nil
	}
	r.start("up", "-d")
	req := called[*banyanv1.ApplyRequest](r)
	if v := req.GetVariables(); v["PATH"] != "/bin" || len(v) != 1 {
		t.Errorf("variables = %v, want PATH alone", v)
	}
	r.sees(r.err, "order: building")
	// An old generation that has settled is not what was asked for.
	r.d.set(shop(service("order", ready, ""), service("user", ready, "")))
	r.sees(r.err, "order: ready")
	r.d.set(func(st *banyanv1.Status) { st.Generation = 2 })
	r.exits(exitOK)
	if got, want := r.out.String(), "shop is up at http://127.0.0.1:8080\n"; got != want {
		t.Errorf("stdout = %q, want %q", got, want)
	}
	if !strings.Contains(r.err.String(), "warning: nothing calls user\n") {
		t.Errorf("no warning\n%s", r)
	}
}

func TestUpDetachedFails(t *testing.T) {
	r := newRun(t, true)
	r.d.set(shop(service("order", failing, "the build failed: exit code 1", "main.go:3:1: oops"), service("user", ready, "")))
	r.start("up", "-d")
	r.exits(exitFailed)
	r.sees(r.err, "order: failed: the build failed: exit code 1\n    main.go:3:1: oops\n")
	r.sees(r.err, "banyan: 1 of 2 services is not ready: order; run `banyan up -d` again when it is mended\n")
}

func TestUpDetachedTimesOut(t *testing.T) {
	r := newRun(t, true)
	r.d.set(shop(service("order", building, ""), service("user", building, "")))
	r.start("up", "-d", "--wait-timeout", "50ms")
	r.exits(exitFailed)
	r.sees(r.err, "banyan: 2 of 2 services are not ready: order, user after 50ms; the daemon keeps trying")
}

func TestUpDetachedInterrupted(t *testing.T) {
	r := newRun(t, true)
	r.d.set(shop(service("order", building, ""), service("user", building, "")))
	r.start("up", "-d")
	r.sees(r.err, "order: building")
	r.signals <- os.Interrupt
	r.exits(exitInterrupted)
	r.sees(r.err, "`banyan down` stops it")
}

func TestUpForeground(t *testing.T) {
	r := newRun(t, false)
	r.d.set(shop(service("order", building, ""), service("user", ready, "")))
	stopped := make(chan struct{})
	r.d.onDown = func(bool) { <-stopped }
	r.start("up")
	called[*banyanv1.ApplyRequest](r)
	if !called[*banyanv1.LogsRequest](r).GetFollow() {
		t.Error("logs are not followed")
	}
	r.d.set(shop(service("order", ready, ""), service("user", ready, "")))
	r.sees(r.out, "| shop is up at http://127.0.0.1:8080\n")
	r.d.logs <- &banyanv1.LogsResponse{Records: []*banyanv1.LogRecord{{Service: "order", Line: "hello", Time: timestamppb.Now()}}}
	r.sees(r.out, "order  | hello\n")
	r.d.set(shop(service("order", banyanv1.State_STATE_BACKING_OFF, "exit code 1 after 2s", "panic: no"), service("user", ready, "")))
	r.sees(r.out, "banyan | order: backing off: exit code 1 after 2s\nbanyan |     panic: no\n")
	r.signals <- os.Interrupt
	if called[*banyanv1.DownRequest](r).GetForce() {
		t.Error("the first Ctrl-C forces")
	}
	r.d.set(shop(service("order", stopping, ""), service("user", ready, "")))
	r.sees(r.out, "order: stopping")
	close(stopped)
	r.d.stop()
	r.exits(exitOK)
	r.sees(r.out, "banyan | shop is down\n")
}

func TestSecondInterruptKills(t *testing.T) {
	r := newRun(t, true)
	r.d.set(shop(service("order", ready, ""), service("user", ready, "")))
	killed := make(chan struct{})
	r.d.onDown = func(force bool) {
		if force {
			close(killed)
		}
		<-killed
	}
	r.start("up")
	r.sees(r.out, "shop is up")
	r.signals <- os.Interrupt
	r.sees(r.out, "Ctrl-C again kills it")
	r.signals <- os.Interrupt
	<-killed
	r.d.stop()
	r.exits(exitOK)
}

func TestHangUpLeavesItRunning(t *testing.T) {
	r := newRun(t, true)
	r.d.set(shop(service("order", ready, ""), service("user", ready, "")))
	r.start("up")
	r.sees(r.out, "shop is up")
	r.signals <- syscall.SIGHUP
	r.exits(exitOK)
	if st, _, _ := r.d.snapshot(); st.GetGoingDown() {
		t.Error("a hang-up brought it down")
	}
}

func TestInterruptBeforeApplied(t *testing.T) {
	r := newRun(t, true)
	r.signals = make(chan os.Signal)
	r.d.set(shop(service("order", building, ""), service("user", building, "")))
	r.d.onApply = func(*banyanv1.ApplyRequest) (*banyanv1.ApplyResponse, error) {
		r.signals <- os.Interrupt // received when this returns
		return &banyanv1.ApplyResponse{}, nil
	}
	r.d.onDown = func(bool) { go r.d.stop() }
	r.start("up")
	r.exits(exitOK)
}

func TestDownByAnother(t *testing.T) {
	r := newRun(t, true)
	r.d.set(shop(service("order", ready, ""), service("user", ready, "")))
	r.start("up")
	r.sees(r.out, "shop is up")
	r.d.set(func(st *banyanv1.Status) { st.GoingDown = true })
	r.d.stop()
	r.exits(exitOK)
	r.sees(r.out, "shop is down")
}

// TestDaemonDies is kill -9 of the daemon under a foreground up: another one
// adopts, the command goes on.
func TestDaemonDies(t *testing.T) {
	r := newRun(t, true)
	r.d.set(shop(service("order", ready, ""), service("user", ready, "")))
	second := newFakeDaemon()
	second.set(shop(service("order", failing, "gone"), service("user", ready, "")))
	r.p.ensure = func(_ context.Context, l layout.Layout, _ bool) error {
		if look(l) == crashed {
			second.serve(t, l)
		}
		return nil
	}
	r.start("up")
	r.sees(r.out, "shop is up")
	called[*banyanv1.ApplyRequest](r)
	called[*banyanv1.LogsRequest](r)
	record := &banyanv1.LogRecord{Service: "user", Line: "before", Time: timestamppb.Now()}
	r.d.logs <- &banyanv1.LogsResponse{Records: []*banyanv1.LogRecord{record}}
	r.sees(r.out, "before")
	r.d.kill()
	r.sees(r.out, "order: failed: gone")
	req, ok := (<-second.calls).(*banyanv1.LogsRequest)
	if !ok || !req.GetSince().AsTime().After(record.GetTime().AsTime()) {
		t.Errorf("logs go on with %v", req)
	}
	r.signals <- syscall.SIGHUP
	r.exits(exitOK)
}

func TestStuckForegroundGoesOn(t *testing.T) {
	r := newRun(t, true)
	r.d.set(shop(service("order", failing, "no such program"), service("user", ready, "")))
	r.start("up")
	r.sees(r.out, "1 of 2 services is not ready: order; the rest goes on")
	r.d.set(shop(service("order", ready, ""), service("user", ready, "")))
	r.sees(r.out, "shop is up")
	r.signals <- syscall.SIGHUP
	r.exits(exitOK)
}

func TestUpOnATerminal(t *testing.T) {
	r := newRun(t, true)
	r.p.size = func() (int, int, bool) { return 80, 24, true }
	r.d.set(shop(service("order", building, ""), service("user", ready, "")))
	r.start("up")
	r.sees(r.out, "building")
	r.d.set(shop(service("order", ready, ""), service("user", ready, "")))
	r.sees(r.out, "shop is up at http://127.0.0.1:8080")
	called[*banyanv1.ApplyRequest](r)
	called[*banyanv1.LogsRequest](r)
	r.d.onDown = func(bool) { go r.d.stop() }
	r.signals <- os.Interrupt
	r.exits(exitOK)
	r.sees(r.out, "shop is down")
	if !strings.Contains(r.out.String(), "\x1b[32m✓\x1b[0m") {
		t.Errorf("no colours on a terminal: %q", r.out)
	}
}

func TestWatch(t *testing.T) {
	r := newRun(t, true)
	r.d.onApply = func(*banyanv1.ApplyRequest) (*banyanv1.ApplyResponse, error) {
		return &banyanv1.ApplyResponse{Changed: []string{"order"}}, nil
	}
	r.d.set(shop(service("order", ready, ""), service("user", ready, "")))
	r.start("up", "--watch")
	called[*banyanv1.ApplyRequest](r)
	called[*banyanv1.LogsRequest](r)
	r.sees(r.out, "shop is up")
	r.write("src/main.go", "package main // changed\n")
	called[*banyanv1.ApplyRequest](r)
	r.sees(r.out, "changed: order")
	r.write("banyan.yaml", "servces: {}\n")
	r.sees(r.out, "the app goes on as it was")
	r.sees(r.out, "servces")
	r.write("banyan.yaml", twoServices)
	called[*banyanv1.ApplyRequest](r)
	r.signals <- syscall.SIGHUP
	r.exits(exitOK)
}

func TestAnotherAppsStateDirectory(t *testing.T) {
	r := newRun(t, true)
	r.write("other/banyan.yaml", twoServices)
	r.d.set(func(st *banyanv1.Status) { st.Path = r.dir + "/other/banyan.yaml" })
	r.start("up", "-d")
	r.exits(exitFailed)
	r.sees(r.err, "belongs to the app "+r.dir+"/other/banyan.yaml; choose another one with --state-dir")
}

func TestUpRefused(t *testing.T) {
	r := newRun(t, true)
	r.d.onApply = func(*banyanv1.ApplyRequest) (*banyanv1.ApplyResponse, error) {
		return nil, connect.NewError(connect.CodeInvalidArgument, errText("banyan.yaml:1:1: bad; mend it"))
	}
	r.start("up", "-d")
	r.exits(exitUsage)
	r.sees(r.err, "banyan: banyan.yaml:1:1: bad; mend it\n")
}
