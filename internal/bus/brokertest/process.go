package brokertest

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"time"
)

// MissingError says that a broker is not installed, and how to get it.
type MissingError string

// Error returns it.
func (e MissingError) Error() string { return string(e) }

// Process is a broker that runs, or did. Its methods are not safe for concurrent use.
type Process struct {
	// Addr is host:port where clients come in. It stays.
	Addr string

	command func() *exec.Cmd
	answers func() error // nil when the broker can be used
	cmd     *exec.Cmd
	log     bytes.Buffer
	helpers []*exec.Cmd
}

// Start starts the broker again, and returns when it can be used.
func (p *Process) Start() error {
	p.cmd = p.command()
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr = &p.log, &p.log, withUs()
	if err := p.cmd.Start(); err != nil {
		return err
	}
	deadline := time.Now().Add(3 * time.Minute) // machines are busy
	for {
		err := p.answers()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			p.Kill()
			return fmt.Errorf("it does not start: %w\n%s", err, &p.log)
		}
		<-time.After(50 * time.Millisecond) // it says nothing when it is ready
	}
}

// Kill is kill -9.
func (p *Process) Kill() { end(p.cmd) }

// Close kills the broker and what runs beside it.
func (p *Process) Close() {
	p.Kill()
	for _, h := range p.helpers {
		end(h)
	}
}

// Log returns what the broker wrote, after it was killed.
func (p *Process) Log() string { return p.log.String() }

func end(cmd *exec.Cmd) {
	if cmd != nil && cmd.Process != nil {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	}
}

// Free returns an address that was free a moment ago: a broker must come back to it.
func Free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
