// Command scale measures Banyan with an app of many trivial services: the time
// from `banyan up -d` until all instances are ready, what the daemon and the
// data plane then use in memory and idle CPU, and the time of `banyan down`. As
// the peer it starts as many of the same processes by itself, with nothing that
// watches them, and waits until each accepts a connection: the floor that no
// platform can go below. Run it with
//
//	go run ./bench/scale [-services 300] [-replicas 2]
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/banyanrun/banyan/bench/command"
	"github.com/banyanrun/banyan/bench/process"
)

func main() {
	command.Main("scale", func(ctx context.Context, args []string) error {
		fs := flag.NewFlagSet("scale", flag.ContinueOnError)
		services := fs.Int("services", 300, "number of services")
		replicas := fs.Int("replicas", 2, "instances of each")
		idle := fs.Duration("idle", 10*time.Second, "how long the idle CPU is measured")
		if err := command.Parse(fs, args); err != nil {
			return err
		}
		return run(ctx, *services, *replicas, *idle)
	})
}

func run(ctx context.Context, services, replicas int, idle time.Duration) error {
	dir, err := os.MkdirTemp("", "banyan-scale-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Chmod(dir, 0o755); err != nil { // services run as users of their own
		return err
	}
	banyan, tiny := filepath.Join(dir, "banyan"), filepath.Join(dir, "tiny")
	for out, pkg := range map[string]string{banyan: "./cmd/banyan", tiny: "./bench/scale/tiny"} {
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", out, pkg).CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
		}
	}
	bare, err := bareStart(ctx, tiny, services*replicas)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "banyan.yaml"), appFile(tiny, services, replicas), 0o644); err != nil {
		return err
	}
	return measure(ctx, banyan, dir, services*replicas, bare, idle)
}

// appFile declares the services; each calls the next, in chains of ten.
func appFile(tiny string, services, replicas int) []byte {
	var b bytes.Buffer
	fmt.Fprintln(&b, "name: scale\ngateway:\n  listen: \":18080\"\n  routes:\n    - {path: /, to: s1}\nservices:")
	for n := 1; n <= services; n++ {
		fmt.Fprintf(&b, "  s%d:\n    command: %s\n    replicas: %d\n", n, tiny, replicas)
		if n < services && n%10 != 0 {
			fmt.Fprintf(&b, "    calls: [s%d]\n", n+1)
		}
	}
	return b.Bytes()
}

// bareStart starts n processes and returns the time until all accept connections.
func bareStart(ctx context.Context, tiny string, n int) (time.Duration, error) {
	begin := time.Now()
	var wg sync.WaitGroup
	failed := make(chan error, n)
	commands := make([]*exec.Cmd, n)
	for i := range n {
		port := strconv.Itoa(31000 + i)
		cmd := exec.CommandContext(ctx, tiny)
		cmd.Env = []string{"HOST=127.0.0.1", "PORT=" + port}
		if err := cmd.Start(); err != nil {
			return 0, err
		}
		commands[i] = cmd
		wg.Go(func() { failed <- accepts(ctx, "127.0.0.1:"+port) })
	}
	wg.Wait()
	took := time.Since(begin)
	var err error
	for range n {
		if e := <-failed; e != nil {
			err = e
		}
	}
	for _, cmd := range commands {
		_ = cmd.Process.Kill() // ours
		_ = cmd.Wait()         // killed
	}
	return took, err
}

func accepts(ctx context.Context, addr string) error {
	var dialer net.Dialer
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if conn, err := dialer.DialContext(ctx, "tcp", addr); err == nil {
			return conn.Close()
		}
	}
	return fmt.Errorf("%s does not accept connections", addr)
}

// processStatus is what `banyan ps --json` says of the daemon and the data plane.
type processStatus struct {
	PID int `json:"pid"`
}

type status struct {
	Daemon    processStatus `json:"daemon"`
	DataPlane processStatus `json:"dataPlane"`
	Services  []struct {
		Ready int `json:"ready"`
	} `json:"services"`
}

func measure(ctx context.Context, banyan, dir string, instances int, bare, idle time.Duration) (err error) {
	do := func(args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, banyan, args...)
		cmd.Dir = dir
		return cmd.Output()
	}
	begin := time.Now()
	defer func() {
		if err != nil {
			_, _ = do("down", "--force") // the first error says more
		}
	}()
	if _, err := do("up", "-d"); err != nil {
		return fmt.Errorf("banyan up: %w", err)
	}
	up := time.Since(begin)
	out, err := do("ps", "--json")
	if err != nil {
		return fmt.Errorf("banyan ps: %w", err)
	}
	var st status
	if err := json.Unmarshal(out, &st); err != nil {
		return err
	}
	ready := 0
	for _, s := range st.Services {
		ready += s.Ready
	}
	if ready != instances {
		return fmt.Errorf("%d instances are ready, want %d", ready, instances)
	}
	fmt.Printf("%-34s %10d\n", "instances ready", ready)
	fmt.Printf("%-34s %10s\n", "bare start of as many processes", bare.Round(time.Millisecond))
	fmt.Printf("%-34s %10s   %.2f × bare\n", "banyan up -d", up.Round(time.Millisecond), up.Seconds()/bare.Seconds())
	for name, pid := range map[string]int{"daemon": st.Daemon.PID, "data plane": st.DataPlane.PID} {
		if err := report(name, pid, idle); err != nil {
			return err
		}
	}
	begin = time.Now()
	if _, err := do("down"); err != nil {
		return fmt.Errorf("banyan down: %w", err)
	}
	fmt.Printf("%-34s %10s\n", "banyan down", time.Since(begin).Round(time.Millisecond))
	return nil
}

// report prints a process's memory and the CPU that it uses while nothing happens.
func report(name string, pid int, idle time.Duration) error {
	before, err := process.CPU(pid)
	if err != nil {
		return err
	}
	time.Sleep(idle) // the measured interval
	after, err := process.CPU(pid)
	if err != nil {
		return err
	}
	memory, _, err := process.Memory(pid)
	if err != nil {
		return err
	}
	fmt.Printf("%-34s %7.1f MB\n", name+", memory (RSS)", float64(memory)/1e6)
	fmt.Printf("%-34s %8.2f %%   of one core\n", name+", idle CPU", 100*(after-before).Seconds()/idle.Seconds())
	return nil
}
