package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/admin"
	"github.com/banyanrun/banyan/internal/build"
	"github.com/banyanrun/banyan/internal/daemon/layout"
	"github.com/banyanrun/banyan/internal/dataplane"
	"github.com/banyanrun/banyan/internal/driver"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/logs"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/ports"
	"github.com/banyanrun/banyan/internal/reconcile"
	"github.com/banyanrun/banyan/internal/state"
)

// idle carries out nothing.
type idle struct{}

func (idle) Build(*model.Service)                      {}
func (idle) Start(model.Instance)                      {}
func (idle) Stop(model.Instance, *model.Service, bool) {}
func (idle) Publish([]model.Instance) uint64           { return 1 }
func (idle) Busy(string) bool                          { return false }
func (idle) ForgetBuild(model.Build)                   {}
func (idle) Save(model.Instance)                       {}
func (idle) Forget(model.Instance)                     {}
func (idle) SaveCounters(string, int, time.Time)       {}
func (idle) Changed()                                  {}

// sockets stands for the keeper's.
type sockets struct {
	mu    sync.Mutex
	held  map[string]string
	taken string // an address that somebody else has
}

func (s *sockets) Bind(id, addr string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if addr == s.taken {
		return syscall.EADDRINUSE
	}
	s.held[id] = addr
	return nil
}

func (s *sockets) Held() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.held)
}

func (s *sockets) Release(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, id)
}

// testDaemon is a daemon whose loop runs and whose instances do not.
type testDaemon struct {
	*daemon
	sockets *sockets
	file    string
}

func newTestDaemon(t *testing.T) *testDaemon {
	t.Helper()
	dir := t.TempDir()
	l, err := layout.For(filepath.Join(dir, layout.DirName))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(l.Secrets, 0o700); err != nil {
		t.Fatal(err)
	}
	d := &daemon{
		layout: l, log: slog.New(slog.DiscardHandler), going: make(chan struct{}), gone: make(chan struct{}), sources: build.NewSources(),
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	d.lock, err = os.OpenFile(l.Lock, os.O_CREATE|os.O_RDWR, 0o600)
	must(err)
	t.Cleanup(func() { d.lock.Close() })
	d.store, err = state.Open(t.Context(), l.Database)
	must(err)
	d.secrets, err = openSecrets(l.Secrets)
	must(err)
	d.databases, err = openDatabases(context.Background(), d.store, d.secrets, d.log)
	must(err)
	d.databases.need = func(service string, need *model.Need) { d.loop.Need(service, need) }
	d.ports, err = ports.New(filepath.Join(dir, "ports"), l.StateDir, "test", nil)
	must(err)
	held := &sockets{held: map[string]string{}}
	d.addresses, err = newAddresses(t.Context(), held, d.ports, d.store)
	must(err)
	d.effects = &effects{log: d.log, store: d.store, changed: make(chan struct{}), epoch: 1}
	obs, err := savedState(t.Context(), d.store)
	must(err)
	d.loop = reconcile.NewLoop(idle{}, d.log, reconcile.Desired{}, obs)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = d.loop.Run(ctx) }()
	t.Cleanup(func() {
		d.databases.close()
		cancel()
		<-ended
		_ = d.store.Close()
	})
	return &testDaemon{daemon: d, sockets: held, file: filepath.Join(dir, "banyan.yaml")}
}

func (d *testDaemon) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(d.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (d *testDaemon) up(variables map[string]string) error {
	_, err := d.Apply(context.Background(), admin.Apply{Path: d.file, Variables: variables})
	return err
}

// TestConcurrentChanges: none of several changes at one time is lost.
func TestConcurrentChanges(t *testing.T) {
	d := newTestDaemon(t)
	var text strings.Builder
	text.WriteString("name: app\nservices:\n")
	const services = 8
	for n := range services {
		fmt.Fprintf(&text, "  s%d: {command: /bin/true}\n", n)
	}
	d.write(t, text.String())
	if err := d.up(nil); err != nil {
		t.Fatal(err)
	}
	for want := 2; want < 10; want++ {
		var all sync.WaitGroup
		for n := range services {
			all.Go(func() {
				if err := d.Scale(t.Context(), fmt.Sprintf("s%d", n), want); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for name, s := range d.current().app.Services {
			if s.Replicas != want {
				t.Fatalf("%s has %d replicas, want %d", name, s.Replicas, want)
			}
		}
	}
}

// TestRefusedApplyLeavesNothing: neither sockets nor where secrets come from.
func TestRefusedApplyLeavesNothing(t *testing.T) {
	d := newTestDaemon(t)
	d.write(t, "name: app\ngateway: {listen: ':8400', routes: [{path: /, to: a}]}\nsecrets: {s: {environment: A}}\n"+
		"services:\n  a: {command: /bin/true, secrets: {S: s}}\n")
	if err := d.up(map[string]string{"A": "value"}); err != nil {
		t.Fatal(err)
	}
	before := d.sockets.Held()
	d.write(t, "name: app\ngateway: {listen: ':8401', routes: [{path: /, to: a}]}\nsecrets: {s: {file: missing}}\n"+
		"services:\n  a: {command: /bin/true, secrets: {S: s}, calls: [b]}\n  b: {command: /bin/true}\n")
	if err := d.up(nil); err == nil {
		t.Fatal("it is not refused")
	}
	if after := d.sockets.Held(); !maps.Equal(before, after) {
		t.Errorf("sockets: %v, before %v", after, before)
	}
	if v, err := d.secrets.get("s"); string(v) != "value" {
		t.Errorf("the secret is %q: %v", v, err)
	}
	// And one that is taken on gives up what it does not need any more.
	d.write(t, "name: app\nservices:\n  a: {command: /bin/true}\n")
	if err := d.up(nil); err != nil {
		t.Fatal(err)
	}
	if after := d.sockets.Held(); len(after) != 2 { // for what is refused, and for Banyan itself
		t.Errorf("sockets: %v", after)
	}
}

// TestRefusedApplyBesideAnother: the first up of two is refused; it does not take
// the app down that the second brings up.
func TestRefusedApplyBesideAnother(t *testing.T) {
	d := newTestDaemon(t)
	d.write(t, "name: app\nsecrets: {s: {environment: A}}\nservices:\n  a: {command: /bin/true, secrets: {S: s}}\n")
	d.applying.Lock() // both wait
	var all sync.WaitGroup
	for n, variables := range []map[string]string{nil, {"A": "value"}} {
		all.Go(func() { _ = d.up(variables) })
		awaitLock(t, "(*daemon).Apply(", n+1) // the refused one is first in line
	}
	d.applying.Unlock()
	all.Wait()
	down := false
	if err := d.loop.Read(t.Context(), func(desired reconcile.Desired, _ *model.Observed, _ reconcile.Plan) { down = desired.Down }); err != nil {
		t.Fatal(err)
	}
	if down || len(d.current().app.Services) != 1 {
		t.Errorf("down: %v, app: %v", down, d.current().app)
	}
}

// awaitLock waits until n goroutines are inside the function and wait for a mutex.
func awaitLock(t *testing.T, function string, n int) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		waiting := 0
		for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			if strings.Contains(stack, function) && strings.Contains(stack, "sync.(*Mutex).Lock(") {
				waiting++
			}
		}
		if waiting == n {
			return
		}
	}
	t.Fatalf("%d goroutines do not come to wait in %s", n, function)
}

// TestNoChangeWhileGoingDown: a scale or restart does not bring the app up again.
func TestNoChangeWhileGoingDown(t *testing.T) {
	d := newTestDaemon(t)
	d.write(t, "name: app\nservices:\n  a: {command: /bin/true}\n")
	if err := d.up(nil); err != nil {
		t.Fatal(err)
	}
	d.beginDown(t.Context(), false)
	for what, err := range map[string]error{"scale": d.Scale(t.Context(), "a", 2), "restart": d.Restart(t.Context(), "a")} {
		if fault.CodeOf(err) != fault.Conflict {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := d.up(nil); err != nil {
		t.Error(err)
	}
}

// TestDownBesideAnApply: the last instance ends while an apply holds the app,
// which is refused and changes nothing; the app goes down all the same.
func TestDownBesideAnApply(t *testing.T) {
	d := newTestDaemon(t)
	var err error
	if d.logs, err = logs.New(logs.Options{Dir: d.layout.Logs}); err != nil {
		t.Fatal(err)
	}
	defer d.logs.Close()
	d.keeper = dataplane.New(dataplane.Config{})
	d.applying.Lock()
	d.goDown(t.Context(), false)
	ended := make(chan error, 1)
	go func() { ended <- d.endWhenDown(t.Context()) }()
	awaitLock(t, "(*daemon).endIfEmpty(", 1) // it has found nothing left
	d.applying.Unlock()
	select {
	case err := <-ended:
		if !errors.Is(err, errDown) || d.ending() == nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("it does not end")
	}
}

// TestTakenAddressAtStart: a daemon looks after its app though somebody took the
// gateway's address while it was dead.
func TestTakenAddressAtStart(t *testing.T) {
	d := newTestDaemon(t)
	d.write(t, "name: app\ngateway: {listen: '127.0.0.1:8400', routes: [{path: /, to: a}]}\nservices:\n  a: {command: /bin/true}\n")
	if err := d.up(nil); err != nil {
		t.Fatal(err)
	}
	app := d.current().app
	d.sockets.held, d.sockets.taken = map[string]string{}, "127.0.0.1:8400"
	if err := d.resume(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	if got := d.current(); len(got.addrs) != 2 || len(got.app.Warnings) != 1 {
		t.Errorf("%v, warnings %q", got.addrs, got.app.Warnings)
	}
}

// TestMovedPlatformListener: where Banyan itself is makes no revision until that
// has moved, and the one it makes then stays.
func TestMovedPlatformListener(t *testing.T) {
	d := newTestDaemon(t)
	d.write(t, "name: app\nservices:\n  a: {command: /bin/true}\n")
	if err := d.up(nil); err != nil {
		t.Fatal(err)
	}
	const id = "edge/a/banyan"
	app := d.current().app
	first, hash := d.sockets.Held()[id], app.Services["a"].ConfigHash
	again := func(what, taken string) string {
		t.Helper()
		d.sockets.held, d.sockets.taken = map[string]string{}, taken // the machine was started again
		var err error
		if d.addresses, err = newAddresses(t.Context(), d.sockets, d.ports, d.store); err != nil {
			t.Fatal(err)
		}
		if err := d.resume(t.Context(), app); err != nil {
			t.Fatal(err)
		}
		if moved := d.current().addrs[id] != first; moved != (what != "as it was") {
			t.Fatalf("%s: it is at %s, first at %s", what, d.current().addrs[id], first)
		}
		return d.current().app.Services["a"].ConfigHash
	}
	if again("as it was", "") != hash {
		t.Error("a start makes a new revision")
	}
	moved := again("moved", first)
	if moved == hash {
		t.Error("instances that know the old address stay")
	}
	if again("still there", "") != moved {
		t.Error("the start after that makes a new revision")
	}
	d.write(t, "name: app\nservices:\n  b: {command: /bin/true}\n")
	if err := d.up(nil); err != nil {
		t.Fatal(err)
	}
	if firsts := d.addresses.firsts(); len(firsts) != 1 || firsts["edge/b/banyan"] == "" {
		t.Errorf("%v", firsts)
	}
}

// TestScaledThenFixedPort: a fixed port has one replica, whatever was set before.
func TestScaledThenFixedPort(t *testing.T) {
	d := newTestDaemon(t)
	d.write(t, "name: app\nservices:\n  a: {command: /bin/true}\n")
	if err := errors.Join(d.up(nil), d.Scale(t.Context(), "a", 3)); err != nil {
		t.Fatal(err)
	}
	d.write(t, "name: app\nservices:\n  a: {command: /bin/true, port: 8499}\n")
	if err := d.up(nil); err != nil {
		t.Fatal(err)
	}
	if n := d.current().app.Services["a"].Replicas; n != 1 {
		t.Errorf("%d replicas", n)
	}
}

// TestCopiedState: a copy of a state directory does not take the original's processes for its own.
func TestCopiedState(t *testing.T) {
	d := newTestDaemon(t)
	ctx := t.Context()
	fill := func() {
		t.Helper()
		err := errors.Join(
			d.store.Put(ctx, kindProcess, "a-1", processRecord{Run: 1}), d.store.Put(ctx, kindInstance, "a-1", model.Instance{ID: "a-1"}),
			d.store.Put(ctx, kindMeta, keyDesired, model.App{Name: "app"}))
		if err != nil {
			t.Fatal(err)
		}
	}
	left := func() int {
		t.Helper()
		records, err := state.All[processRecord](ctx, d.store, kindProcess)
		var app *model.App
		has, err2 := d.store.Get(ctx, kindMeta, keyDesired, &app)
		if err != nil || err2 != nil || has != (len(records) == 1) {
			t.Fatal(err, err2, has, len(records))
		}
		return len(records)
	}
	fill()
	if err := d.home(ctx); err != nil || left() != 1 {
		t.Fatal("its own state:", err)
	}
	moved := filepath.Join(t.TempDir(), "gone")
	if err := errors.Join(d.store.Put(ctx, kindMeta, keyHome, moved), d.home(ctx)); err != nil || left() != 1 {
		t.Fatal("moved here:", err)
	}
	original := t.TempDir()
	if err := os.WriteFile(filepath.Join(original, "lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.store.Put(ctx, kindMeta, keyHome, original), d.home(ctx)); err != nil || left() != 0 {
		t.Fatal("copied:", err)
	}
	fill()
	if err := d.home(ctx); err != nil || left() != 1 {
		t.Fatal("the copy's own state:", err)
	}
}

// TestStateGone: a daemon does not begin anew beside processes of an app that is up.
func TestStateGone(t *testing.T) {
	d := newTestDaemon(t)
	d.hold("123")
	if got := holder(d.lock); got != "123" {
		t.Fatalf("%q", got)
	}
	fresh := &daemon{layout: d.layout, lock: d.lock, log: d.log}
	fresh.layout.Database = filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(fresh.layout.Database, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := fresh.open(t.Context()); fault.CodeOf(err) != fault.Damaged {
		t.Errorf("%v", err)
	}
	d.hold("")
	if got := holder(d.lock); got != "" {
		t.Errorf("%q", got)
	}
}

// noProgram is a driver whose programs do not exist.
type noProgram struct{ driver.Driver }

func (noProgram) Prepare(context.Context, driver.Spec) (driver.Prepared, error) {
	return nil, errors.New("command not found")
}

// TestFailedStartGivesItsPortBack: thousands of them do not use up the machine's ports.
func TestFailedStartGivesItsPortBack(t *testing.T) {
	d := newTestDaemon(t)
	collector, err := logs.New(logs.Options{Dir: d.layout.Logs})
	if err != nil {
		t.Fatal(err)
	}
	defer collector.Close()
	d.write(t, "name: app\nservices:\n  a: {command: /nonexistent}\n")
	if err := d.up(nil); err != nil {
		t.Fatal(err)
	}
	x := &instances{
		log: d.log, store: d.store, driver: noProgram{}, logs: collector, ports: d.ports, users: &users{}, ctx: t.Context(),
		data: t.TempDir(), secret: d.secrets.get, token: d.secrets.token, room: make(chan struct{}, 1), running: map[string]*running{}, app: d.current, loop: d.loop,
	}
	for range 200 {
		x.start(model.Instance{ID: "a-1", Service: "a", Run: 1, Of: d.current().app.Services["a"]})
		x.wg.Wait()
	}
	if n := len(d.ports.Leased()); n > 100 {
		t.Errorf("%d ports are leased", n)
	}
}
