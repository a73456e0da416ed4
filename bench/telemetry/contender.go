package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/banyanrun/banyan/bench/process"
	"github.com/banyanrun/banyan/internal/daemon/layout"
)

// contender is a whole program that takes telemetry in and answers Jaeger's query API.
type contender struct {
	name    string
	pid     int
	url     string // where OTLP goes
	query   string // of Jaeger's API, without /api
	client  http.Client
	disk    string // the directory of what is kept
	metrics bool   // it takes them, too
	stop    func() error
}

// banyanFile is an app whose service has nothing to do: what is measured is the daemon.
const banyanFile = `name: bench
telemetry: {retention: {size: 20Gi}, otlp: {http: %q}}
services:
  tiny: {command: ./tiny}
`

// startBanyan builds the binary and starts a daemon of it.
func startBanyan(ctx context.Context, dir string) (_ *contender, err error) {
	if err := errors.Join(os.Mkdir(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
		return nil, err
	}
	binary := filepath.Join(dir, "banyan")
	for name, pkg := range map[string]string{"banyan": "cmd/banyan", "tiny": "bench/scale/tiny"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, name), "github.com/banyanrun/banyan/"+pkg)
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "banyan.yaml"), fmt.Appendf(nil, banyanFile, addr), 0o600); err != nil {
		return nil, err
	}
	do := func(ctx context.Context, args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, binary, args...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("banyan %s: %w: %s", args[0], err, e.Stderr)
		}
		return out, err
	}
	if _, err := do(ctx, "up", "-d"); err != nil {
		return nil, err
	}
	stop := func() error {
		_, err := do(context.WithoutCancel(ctx), "down")
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, stop())
		}
	}()
	out, err := do(ctx, "ps", "--json")
	if err != nil {
		return nil, err
	}
	var status struct {
		Daemon struct {
			PID int `json:"pid"`
		} `json:"daemon"`
	}
	if err := json.Unmarshal(out, &status); err != nil {
		return nil, err
	}
	where, err := layout.Beside(dir)
	if err != nil {
		return nil, err
	}
	return &contender{
		name: "banyan", pid: status.Daemon.PID, url: "http://" + addr, query: "http://banyan/jaeger", metrics: true,
		client: http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", where.ControlSocket)
		}}},
		disk: where.Telemetry, stop: stop,
	}, nil
}

var jaegerFile = template.Must(template.New("jaeger.yaml").Parse(`service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [jaeger_storage_exporter]}
  telemetry: {metrics: {level: none}, logs: {level: error}}
extensions:
  jaeger_storage:
    backends:
      kept: {badger: {ephemeral: false, directories: {keys: "{{.Dir}}", values: "{{.Dir}}"}}}
  jaeger_query: {storage: {traces: kept}, http: {endpoint: "{{.Query}}"}, grpc: {endpoint: "{{.Internal}}"}}
receivers: {otlp: {protocols: {http: {endpoint: "{{.OTLP}}"}}}}
processors: {batch: {}}
exporters: {jaeger_storage_exporter: {trace_storage: kept}}
`))

// startJaeger starts Jaeger v2 with Badger, its only store that needs no other program and keeps what it has.
func startJaeger(ctx context.Context, binary, dir string) (*contender, error) {
	kept := filepath.Join(dir, "kept")
	if err := os.MkdirAll(kept, 0o755); err != nil {
		return nil, err
	}
	var addrs [3]string
	for i := range addrs {
		var err error
		if addrs[i], err = freeAddr(ctx); err != nil {
			return nil, err
		}
	}
	var text strings.Builder
	if err := jaegerFile.Execute(&text, map[string]string{"Dir": kept, "OTLP": addrs[0], "Query": addrs[1], "Internal": addrs[2]}); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "jaeger.yaml")
	if err := os.WriteFile(config, []byte(text.String()), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, binary, "--config", config)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &contender{
		name: "Jaeger", pid: cmd.Process.Pid, url: "http://" + addrs[0], query: "http://" + addrs[1], disk: kept,
		stop: func() error {
			_ = cmd.Process.Signal(os.Interrupt) // it may have ended
			_ = cmd.Wait()                       // it was told to
			return nil
		},
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := fetch(ctx, &c.client, c.query+"/api/services"); err == nil {
			return c, nil
		} else if time.Now().After(end) {
			return nil, errors.Join(fmt.Errorf("jaeger does not answer: %w\n%s", err, &said), c.stop())
		}
	}
}

func freeAddr(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// kept is how many bytes of disk are taken up.
func (c *contender) kept() (bytes int64, err error) {
	err = filepath.WalkDir(c.disk, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil // it went meanwhile
		}
		if err != nil || e.IsDir() {
			return err
		}
		n, err := allocated(e)
		bytes += n
		return err
	})
	return bytes, err
}

// usage is what a contender has used.
type usage struct {
	cpu       time.Duration
	now, most int64 // memory
}

func (c *contender) usage() (u usage, err error) {
	if u.cpu, err = process.CPU(c.pid); err == nil {
		u.now, u.most, err = process.Memory(c.pid)
	}
	return u, err
}
