//go:build linux || darwin

package process

import (
	"context"
	"errors"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/banyanrun/banyan/internal/driver"
	"github.com/banyanrun/banyan/internal/fault"
)

const killSignal = unix.SIGKILL

// sweepBeforeDone is how long the exit is held back for the other processes of
// the instance to be gone, so that whoever replaces it finds ports and files
// free. It is a fraction of what a crash may take to be noticed (100 ms).
const sweepBeforeDone = 50 * time.Millisecond

// process is a running instance.
type process struct {
	in *instance

	done chan struct{} // closed when exit is known
	exit driver.Exit

	swept    chan struct{} // closed when nothing is left, or cannot be killed
	sweepErr error
}

var _ driver.Process = (*process)(nil)

// watched starts to wait for the instance's end. The goroutine ends with it.
func (in *instance) watched(child bool) *process {
	p := &process{in: in, done: make(chan struct{}), swept: make(chan struct{})}
	go p.watch(child)
	return p
}

func (p *process) watch(child bool) {
	defer close(p.swept)
	p.in.h.wait()
	// Before the main process is reaped its pid, and so its group, cannot be a
	// stranger's.
	p.in.kill()
	p.exit = p.in.h.reap(child)
	p.exit.At = time.Now()
	p.exit.OOM = p.exit.Signal == "SIGKILL" && oomKilled(splitDirs(p.in.id.Cgroup))
	ctx, cancel := context.WithTimeout(context.Background(), killTimeout)
	defer cancel()
	late := time.AfterFunc(sweepBeforeDone, func() { close(p.done) })
	p.sweepErr = p.in.sweep(ctx)
	if late.Stop() {
		close(p.done)
	}
	<-p.done
	p.in.h.close()
	if p.sweepErr != nil {
		p.in.d.log.Warn("processes left behind", "tag", p.in.id.Tag, "err", p.sweepErr)
	}
}

// Identity implements driver.Process.
func (p *process) Identity() driver.Identity { return p.in.id }

// Done implements driver.Process. It is held back up to 50 ms for the
// instance's other processes to be gone as well.
func (p *process) Done() <-chan struct{} { return p.done }

// Exit implements driver.Process.
func (p *process) Exit() driver.Exit {
	select {
	case <-p.done:
		return p.exit
	default:
		return driver.Exit{}
	}
}

// Signal implements driver.Process. After the end it does nothing.
func (p *process) Signal(name string) error {
	sig, err := signalNumber(name)
	if err != nil {
		return err
	}
	if p.ended() {
		return nil
	}
	if err := p.in.h.signalGroup(sig); err != nil && !errors.Is(err, unix.ESRCH) {
		return fault.New(fault.Denied, "cannot send %s to pid %d: %w", name, p.in.id.PID, err)
	}
	return nil
}

// Stop implements driver.Process. When ctx ends first it returns the cause and
// leaves the instance as it is then; calling again is fine, and a grace of zero
// kills at once.
func (p *process) Stop(ctx context.Context, signal string, grace time.Duration) error {
	if grace > 0 && !p.ended() {
		if err := p.Signal(signal); err != nil {
			return err
		}
		// A process that is stopped (SIGSTOP) could not act on the signal.
		_ = p.in.h.signalGroup(unix.SIGCONT)
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-p.done:
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return p.finish(ctx)
}

// finish kills what is left and waits for the end of it.
func (p *process) finish(ctx context.Context) error {
	if !p.ended() {
		p.in.kill()
		_ = p.in.h.signal(killSignal)
	}
	stuck := time.NewTimer(2 * killTimeout)
	defer stuck.Stop()
	select {
	case <-p.swept:
		return p.sweepErr
	case <-stuck.C:
		return fault.New(fault.Unavailable, "cannot kill %s", describe([]int{p.in.id.PID})).
			Fix("it is stuck in the kernel, for example on a dead disk; see `ps`")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// signalNumber takes SIGTERM and TERM; empty means SIGTERM.
func signalNumber(name string) (unix.Signal, error) {
	if name == "" {
		return unix.SIGTERM, nil
	}
	full := strings.ToUpper(name)
	if !strings.HasPrefix(full, "SIG") {
		full = "SIG" + full
	}
	if sig := unix.SignalNum(full); sig != 0 {
		return sig, nil
	}
	return 0, fault.New(fault.Invalid, "there is no signal %q", name).Fix("use a name such as SIGTERM")
}
