//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a proxy that runs: what was started and what that started.
type process struct {
	cmd    *exec.Cmd
	addr   netip.AddrPort
	output *bytes.Buffer // what it said, read after it has ended
	ended  chan error
}

// start runs a command on a core and waits until addr accepts connections.
func start(ctx context.Context, cpu string, argv, env []string, addr netip.AddrPort) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{addr: addr, output: new(bytes.Buffer), ended: make(chan error, 1)}
	p.cmd = exec.CommandContext(ctx, self, append([]string{pinArg, cpu}, argv...)...)
	p.cmd.Env = append(append(os.Environ(), "GOMAXPROCS=1"), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGTERM}
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(unix.SIGTERM) }
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.ended <- p.cmd.Wait() }()
	if err := p.await(ctx); err != nil {
		p.stop()
		return nil, fmt.Errorf("%w\n%s", err, p.said())
	}
	return p, nil
}

// await waits until the proxy accepts connections.
func (p *process) await(ctx context.Context) error {
	dialer := net.Dialer{Timeout: time.Second}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if c, err := dialer.DialContext(ctx, "tcp", p.addr.String()); err == nil {
			return c.Close()
		}
		select {
		case err := <-p.ended:
			p.ended <- err
			return fmt.Errorf("it ended at once: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return errors.New("it does not accept connections")
}

// stop ends the process and what it started, and waits for it.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(unix.SIGTERM) // it may have ended
	late := time.NewTimer(3 * time.Second)
	defer late.Stop()
	select {
	case err := <-p.ended:
		p.ended <- err
		return
	case <-late.C:
	}
	_ = unix.Kill(-p.cmd.Process.Pid, unix.SIGKILL) // the group is of our making
	err := <-p.ended
	p.ended <- err
}

// said is the end of what it printed, once it has ended.
func (p *process) said() string {
	select {
	case err := <-p.ended:
		p.ended <- err
		text := p.output.String()
		return text[max(0, len(text)-1000):]
	default:
		return ""
	}
}

// pids are those of the process and all that descend from it.
func (p *process) pids() []int { return family(p.cmd.Process.Pid) }

func family(pid int) []int {
	all := []int{pid}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list) // the thread may have ended
		for f := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(f); err == nil {
				all = append(all, family(child)...)
			}
		}
	}
	return all
}

// freeAddr is an address of the loopback interface that nobody listens on.
func freeAddr() (netip.AddrPort, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer l.Close()
	return netip.ParseAddrPort(l.Addr().String())
}
