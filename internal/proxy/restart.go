package proxy

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	restartFirst = 100 * time.Millisecond // after the first failed start; doubles
	restartMost  = 5 * time.Second
	// restartPatience is how long a started daemon that went to the background
	// has to say Hello before another is started. A lock lets only one live.
	restartPatience = 5 * time.Second
)

// restarter starts a daemon in place of one that died.
type restarter struct {
	log *slog.Logger

	mu     sync.Mutex
	argv   []string
	wanted bool
	wake   chan struct{} // something of the above changed
}

func newRestarter(log *slog.Logger) *restarter {
	return &restarter{log: log, wake: make(chan struct{}, 1)}
}

// arm notes how to start a daemon; one is there, so none is wanted now.
func (r *restarter) arm(argv []string) { r.set(argv, false) }

// disarm: the daemon left on purpose.
func (r *restarter) disarm() { r.set(nil, false) }

// kick: the daemon died.
func (r *restarter) kick() {
	r.mu.Lock()
	argv := r.argv
	r.mu.Unlock()
	r.set(argv, len(argv) > 0)
}

func (r *restarter) set(argv []string, wanted bool) {
	r.mu.Lock()
	r.argv, r.wanted = argv, wanted
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *restarter) want() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.wanted {
		return nil
	}
	return r.argv
}

func (r *restarter) run(ctx context.Context) {
	pause := restartFirst
	for {
		argv := r.want()
		if argv == nil {
			pause = restartFirst
			select {
			case <-ctx.Done():
				return
			case <-r.wake:
			}
			continue
		}
		wait := restartPatience
		if !r.start(ctx, argv) {
			wait = pause
			pause = min(2*pause, restartMost)
		}
		r.sleep(ctx, wait)
		if ctx.Err() != nil {
			return
		}
	}
}

// sleep returns after d, or when no daemon is wanted any more.
func (r *restarter) sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	for r.want() != nil {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			return
		case <-r.wake:
		}
	}
}

// start runs argv in a session of its own and waits until it ends, or until no
// daemon is wanted any more. It reports whether one may be on its way.
func (r *restarter) start(ctx context.Context, argv []string) bool {
	cmd := exec.Command(argv[0], argv[1:]...) //nolint:noctx // it outlives ctx
	cmd.Stderr = os.Stderr                    // the data plane's log; stdout is for the access log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	// The data plane's own tag must not mark the daemon as one of its descendants.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "BANYAN_TAG=") })
	r.log.Warn("the daemon is gone; starting one", "argv", argv)
	if err := cmd.Start(); err != nil {
		r.log.Error("starting a daemon", "error", err)
		return false
	}
	exit := make(chan error, 1)
	go func() { exit <- cmd.Wait() }() // reaps it whenever it ends
	for r.want() != nil {
		select {
		case <-ctx.Done():
			return true
		case err := <-exit:
			if err != nil {
				r.log.Error("the daemon ended", "error", err)
			}
			return err == nil
		case <-r.wake:
		}
	}
	return true
}
