package dataplane_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/dataplane"
	"github.com/banyanrun/banyan/internal/proxy"
	"github.com/banyanrun/banyan/internal/route"
	"go.uber.org/goleak"
)

// The test's binary is also its data plane, and the daemon that a data plane starts.
const (
	socketEnv = "BANYAN_TEST_DATA_PLANE"
	daemonEnv = "BANYAN_TEST_DAEMON"
)

func TestMain(m *testing.M) {
	if socket := os.Getenv(socketEnv); socket != "" && len(os.Args) > 1 && os.Args[1] == "proxy" {
		err := proxy.Serve(context.Background(), proxy.ServeConfig{
			Socket: socket, Version: "test", AccessLog: &strings.Builder{},
			Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) > 2 && os.Args[1] == "daemon" {
		f, err := os.OpenFile(os.Args[2], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			_, _ = fmt.Fprintln(f, os.Getpid())
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// process is a started data plane.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func (p *process) Done() <-chan struct{} { return p.done }
func (p *process) Kill() error {
	err := p.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// bed is a keeper with what it needs, and one service behind a gateway.
type bed struct {
	t    *testing.T
	k    *dataplane.Keeper
	dir  string
	addr string // the gateway's
	echo string // the instance's

	sleeping chan struct{} // gets one for each slow request that arrived

	mu      sync.Mutex
	n       uint64
	procs   []*process
	acked   []route.Version
	drained []string
	runDone chan struct{}
	cancel  context.CancelFunc
}

func newBed(t *testing.T) *bed {
	t.Helper()
	dir, err := os.MkdirTemp("", "bk") //nolint:usetesting // t.TempDir is too long for a unix socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b := &bed{t: t, dir: dir, sleeping: make(chan struct{}, 10)}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d, err := time.ParseDuration(r.URL.Query().Get("sleep")); err == nil {
			b.sleeping <- struct{}{}
			time.Sleep(d) //nolint:forbidigo // as it is asked to
		}
		_, _ = w.Write([]byte("hello"))
	}))
	t.Cleanup(srv.Close)
	b.echo = srv.Listener.Addr().String()
	return b
}

func (b *bed) config() dataplane.Config {
	return dataplane.Config{
		Socket:  filepath.Join(b.dir, "s"),
		Start:   b.start,
		Restart: []string{os.Args[0], "daemon", filepath.Join(b.dir, "restarted")},
		Acked: func(v route.Version) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.acked = append(b.acked, v)
		},
		Drained: func(ids []string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.drained = append(b.drained, ids...)
		},
		Log: slog.New(slog.NewTextHandler(b.t.Output(), nil)),
	}
}

func (b *bed) start(context.Context) (dataplane.Process, error) {
	cmd := exec.Command(os.Args[0], "proxy")
	cmd.Env = append(os.Environ(), socketEnv+"="+filepath.Join(b.dir, "s"))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd, make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait()
	}()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.procs = append(b.procs, p)
	return p, nil
}

// run connects a keeper and runs it.
func (b *bed) run(cfg dataplane.Config) {
	b.t.Helper()
	b.k = dataplane.New(cfg)
	if err := b.k.Connect(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	done := make(chan struct{})
	b.runDone = done
	k := b.k
	go func() {
		defer close(done)
		_ = k.Run(ctx)
	}()
	b.t.Cleanup(func() {
		_ = k.Shutdown(context.Background(), 0)
		cancel()
		<-done
	})
}

func (b *bed) bind() {
	b.t.Helper()
	if err := b.k.Bind("gateway/tcp4", "127.0.0.1:0"); err != nil {
		b.t.Fatal(err)
	}
	b.addr = b.k.Held()["gateway/tcp4"]
}

// publish makes a snapshot with these instances of the service, all at one address.
func (b *bed) publish(ids ...string) route.Version {
	b.mu.Lock()
	b.n++
	v := route.Version{Epoch: 1, N: b.n}
	b.mu.Unlock()
	b.k.Publish(b.snapshot(v, ids...))
	return v
}

func (b *bed) snapshot(v route.Version, ids ...string) *route.Snapshot {
	svc := &route.Service{Name: "echo", Protocol: route.HTTP1}
	for _, id := range ids {
		svc.Instances = append(svc.Instances, route.Instance{ID: id, Addr: b.echo})
	}
	return &route.Snapshot{
		Version:   v,
		Listeners: []route.Listener{{ID: "gateway/tcp4", Role: route.RoleGateway, Addr: b.addr}},
		Gateway:   &route.Gateway{Routes: []route.Route{{Path: "/", To: "echo", Policy: route.Policy{Retries: 1}}}},
		Services:  map[string]*route.Service{"echo": svc},
	}
}

func (b *bed) waitAck(v route.Version) {
	b.t.Helper()
	eventually(b.t, fmt.Sprintf("ack of %v", v), func() bool { return !b.k.Version().Before(v) })
}

func (b *bed) isDrained(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.drained, id)
}

func (b *bed) proc(i int) *process {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i < len(b.procs) {
		return b.procs[i]
	}
	return nil
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // polls any condition
	}
}
