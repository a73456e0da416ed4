package drivertest

import (
	"context"
	"errors"
	"strconv"
	"time"
)

func stopGracefully(h *harness) {
	s := h.spec("graceful")
	p := h.start(s)
	h.ready(s, "pid ")
	if err := p.Stop(h.Context(), "SIGTERM", 10*time.Second); err != nil {
		h.Fatal(err)
	}
	h.ready(s, "bye ")
	if e := h.wait(p); e.Code != 7 {
		h.Errorf("it ended as %+v", e)
	}
	h.clean(p.Identity())
	if err := p.Stop(h.Context(), "SIGTERM", time.Second); err != nil {
		h.Errorf("stopping what has stopped: %v", err)
	}
}

func stopKills(h *harness) {
	s := h.spec("stubborn")
	p := h.start(s)
	h.ready(s, "pid ")
	begin := time.Now()
	const grace = 200 * time.Millisecond
	if err := p.Stop(h.Context(), "SIGTERM", grace); err != nil {
		h.Fatal(err)
	}
	if d := time.Since(begin); d < grace || d > grace+2*time.Second {
		h.Errorf("stopping took %s with a grace of %s", d, grace)
	}
	if e := h.wait(p); e.Signal != "SIGKILL" || e.OOM {
		h.Errorf("it ended as %+v", e)
	}
	h.gone("the program", p.Identity().PID)
	h.clean(p.Identity())
}

func stopContext(h *harness) {
	s := h.spec("stubborn")
	p := h.start(s)
	h.ready(s, "pid ")
	ctx, cancel := context.WithTimeout(h.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Stop(ctx, "SIGTERM", time.Minute); !errors.Is(err, context.DeadlineExceeded) {
		h.Errorf("Stop returned %v", err)
	}
	if !alive(p.Identity().PID) {
		h.Error("it was killed before its grace was over")
	}
}

func stopStopped(h *harness) {
	s := h.spec("sleep")
	p := h.start(s)
	h.ready(s, "pid ")
	if err := p.Signal("SIGSTOP"); err != nil {
		h.Fatal(err)
	}
	if err := p.Stop(h.Context(), "SIGTERM", 10*time.Second); err != nil {
		h.Fatal(err)
	}
	if e := h.wait(p); e.Signal != "SIGTERM" {
		h.Errorf("it ended as %+v", e)
	}
}

// grandchild has left the process group and its parent has ended.
func grandchild(h *harness) {
	s := h.spec("fork", "away", "stay")
	p := h.start(s)
	pid, _ := strconv.Atoi(h.ready(s, "pid "))
	h.Cleanup(func() { killIfLeft(pid) })
	h.ready(s, "forked ")
	if err := p.Stop(h.Context(), "SIGTERM", 10*time.Second); err != nil {
		h.Fatal(err)
	}
	if alive(pid) {
		h.Errorf("the grandchild (pid %d) is left", pid)
	}
	h.clean(p.Identity())
}

func orphans(h *harness) {
	for _, how := range []string{"near", "away"} {
		s := h.spec("fork", how)
		p := h.start(s)
		pid, _ := strconv.Atoi(h.ready(s, "pid "))
		h.Cleanup(func() { killIfLeft(pid) })
		if e := h.wait(p); e.Code != 0 || e.Signal != "" {
			h.Errorf("it ended as %+v", e)
		}
		h.gone("the descendant ("+how+")", pid)
		if err := p.Stop(h.Context(), "SIGTERM", 0); err != nil {
			h.Error(err)
		}
		h.clean(p.Identity())
	}
}
