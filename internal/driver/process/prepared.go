//go:build linux || darwin

package process

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/banyanrun/banyan/internal/driver"
	"github.com/banyanrun/banyan/internal/driver/process/launch"
	"github.com/banyanrun/banyan/internal/fault"
)

// helperTimeout bounds how long the helper may take to get ready where the
// caller's context has no deadline: it is a few ms on an idle machine.
const helperTimeout = 30 * time.Second

// helperEnv is all the environment of the helper: its runtime is to be as small
// as can be, and it never lives long enough to collect garbage.
var helperEnv = []string{launch.Marker + "=1", "GOMAXPROCS=1", "GOGC=off"}

// prepared is a stand-in that waits.
type prepared struct {
	in   *instance
	conn *os.File

	mu   sync.Mutex
	used bool
}

var _ driver.Prepared = (*prepared)(nil)

// standIn starts the helper, hands it the request and waits until it waits.
func (d *Driver) standIn(ctx context.Context, spec driver.Spec, in *instance) (*prepared, error) {
	files, err := openStdio(spec)
	if err != nil {
		return nil, err
	}
	defer closeAll(files)
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot make a socket: %w", err)
	}
	h, err := spawn(append(slices.Clip(d.exec), spec.ID), append(files, theirs))
	_ = theirs.Close()
	if err != nil {
		_ = ours.Close()
		return nil, fault.New(fault.Unavailable, "cannot start a process: %w", err).
			Fix("check the limits on processes and open files (ulimit -a)")
	}
	in.h, in.id.PID = h, h.pid
	p := &prepared{in: in, conn: ours}
	if err := p.hello(ctx); err != nil {
		p.Abort()
		return nil, err
	}
	return p, nil
}

// hello sends the request, learns which cgroups took the helper, and completes
// the identity.
func (p *prepared) hello(ctx context.Context) error {
	defer p.until(ctx)()
	var st launch.Status
	err := launch.WriteFrame(p.conn, p.in.about)
	if err == nil {
		err = launch.ReadFrame(p.conn, &st)
	}
	if err != nil {
		return p.ioError(ctx, err)
	}
	p.in.unjoined(st.Unjoined)
	stat, err := readStat(p.in.id.PID)
	if err != nil {
		return fault.New(fault.Unavailable, "the exec helper died: %w", err)
	}
	p.in.id.StartTime = stat.start
	return nil
}

// until makes the socket's reads and writes end with ctx.
func (p *prepared) until(ctx context.Context) (release func()) {
	_ = p.conn.SetDeadline(time.Now().Add(helperTimeout))
	stop := context.AfterFunc(ctx, func() { _ = p.conn.SetDeadline(time.Unix(1, 0)) })
	return func() { stop() }
}

func (p *prepared) ioError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fault.New(fault.Timeout, "the exec helper was not ready within %s", helperTimeout).
			Fix("the machine is overloaded; try again")
	}
	return fault.New(fault.Unavailable, "the exec helper %s died: %w", p.in.d.exec[0], err)
}

// Identity implements driver.Prepared.
func (p *prepared) Identity() driver.Identity { return p.in.id }

// Start implements driver.Prepared. It returns once the program runs.
func (p *prepared) Start(ctx context.Context) (driver.Process, error) {
	if !p.use() {
		return nil, fault.New(fault.Internal, "the instance was started or given up before")
	}
	err := p.run(ctx)
	_ = p.conn.Close()
	if err != nil {
		p.in.discard()
		return nil, err
	}
	return p.in.watched(true), nil
}

// run says go and waits for the socket to end, which exec does.
func (p *prepared) run(ctx context.Context) error {
	defer p.until(ctx)()
	if _, err := p.conn.Write([]byte{launch.Go}); err != nil {
		return p.ioError(ctx, err)
	}
	var st launch.Status
	err := launch.ReadFrame(p.conn, &st)
	switch {
	case err == nil && st.What != "":
		return fault.New(fault.Invalid, "%s", st.What).Fix("%s", st.Do)
	case errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET):
		return nil
	case err == nil:
		return fault.New(fault.Internal, "the exec helper did not run the program")
	}
	return p.ioError(ctx, err)
}

// Abort implements driver.Prepared.
func (p *prepared) Abort() {
	if !p.use() {
		return
	}
	_ = p.conn.Close()
	p.in.discard()
}

func (p *prepared) use() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := !p.used
	p.used = true
	return first
}

// openStdio opens what the program gets as 0, 1 and 2. The daemon opens the
// spools, so a service with a user of its own needs no right to them.
func openStdio(spec driver.Spec) ([]*os.File, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "%w", err)
	}
	files := []*os.File{null}
	for _, path := range []string{spec.Stdout, spec.Stderr} {
		f, err := openSpool(path)
		if err != nil {
			closeAll(files)
			return nil, fault.New(fault.Unavailable, "cannot write the output file: %w", err)
		}
		files = append(files, f)
	}
	return files, nil
}

// openSpool opens without the runtime's poller: the descriptor is the child's,
// and must stay blocking. An empty path drops the output.
func openSpool(path string) (*os.File, error) {
	if path == "" {
		path = os.DevNull
	}
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// spawn forks the helper into a session of its own with the files as its
// descriptors 0, 1, 2, 3.
func spawn(argv []string, files []*os.File) (*handle, error) {
	attr := &syscall.ProcAttr{Dir: "/", Env: helperEnv, Sys: &syscall.SysProcAttr{Setsid: true}}
	for _, f := range files {
		attr.Files = append(attr.Files, f.Fd())
	}
	return forkHandle(argv, attr)
}
