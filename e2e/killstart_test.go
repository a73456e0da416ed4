package e2e

import (
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The daemon is killed at any moment of a start. Whatever it had done by then,
// the next `up` ends with exactly the declared instances, each one process, and
// `down` leaves nothing.
func TestKillDaemonDuringStart(t *testing.T) {
	random := chance(t)
	a := newApp(t, tinyFile(6, 2))
	whole := a.up().took // what there is to be killed in
	a.must("down")
	figure(t, "12 instances are up after %s", ms(whole))
	for n := range rounds(3, 40) {
		a.killedStart(t, n, time.Duration(random.Int64N(int64(whole)+int64(100*time.Millisecond))), random.IntN(3) == 0)
		if t.Failed() {
			return
		}
	}
}

// killedStart is one round: the daemon, and perhaps the data plane, die so long
// after the daemon began.
func (a *app) killedStart(t *testing.T, round int, after time.Duration, plane bool) {
	t.Helper()
	cmd := a.command("up", "-d")
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	daemon := 0
	await(t, 10*time.Second, "a daemon", func() error {
		if daemon = a.pid("daemon"); daemon == 0 {
			return errors.New("none yet")
		}
		return nil
	})
	pause(t, after)
	had := len(a.instanceProcesses())
	_ = syscall.Kill(daemon, syscall.SIGKILL) // it may have gone already
	if p := a.pid("proxy"); plane && p != 0 {
		_ = syscall.Kill(p, syscall.SIGKILL)
	}
	_ = cmd.Wait() // either way: its daemon was killed
	if r := a.banyan("up", "-d"); r.code != 0 {
		t.Errorf("round %d: the daemon was killed after %s with %d instances; the next up: %s\nthe first: %s", round, after, had, r, errs.String())
		return
	}
	st, err := a.status()
	if err != nil {
		t.Errorf("round %d: %v", round, err)
		return
	}
	if err := a.whole(st); err != nil {
		t.Errorf("round %d: the daemon was killed after %s (data plane too: %t) with %d instances: %v", round, after, plane, had, err)
	}
	for _, path := range []string{"/s1", "/s2", "/s3", "/s4", "/s5", "/s6"} {
		a.who(path)
	}
	a.must("down")
	a.nothingLeft()
}

// chance is a source of random numbers; BANYAN_E2E_SEED repeats a run.
func chance(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("BANYAN_E2E_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("BANYAN_E2E_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
