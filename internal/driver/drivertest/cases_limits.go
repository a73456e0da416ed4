package drivertest

import (
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/banyanrun/banyan/internal/driver"
)

// limited starts a program with limits, or skips where they are not enforced.
func (h *harness) limited(lim driver.Limits, args ...string) (driver.Process, driver.Spec) {
	h.Helper()
	s := h.spec(args...)
	s.Limits = lim
	p := h.start(s)
	if why := p.Identity().Unenforced; why != "" {
		h.wait(p)
		h.Skip("not enforced here: " + why)
	}
	return p, s
}

func memoryLimit(h *harness) {
	s := h.spec("exit", "0")
	s.Limits.Memory = 64 << 20
	p := h.prepare(s)
	why := p.Identity().Unenforced
	p.Abort()
	h.clean(p.Identity())
	if why != "" {
		h.Skip("not enforced here: " + why)
	}
	running, _ := h.limited(driver.Limits{Memory: 64 << 20}, "hog")
	if e := h.wait(running); !e.OOM || e.Signal != "SIGKILL" {
		h.Errorf("death for lack of memory is told as %+v", e)
	}
	h.clean(running.Identity())
}

func cpuLimit(h *harness) {
	p, s := h.limited(driver.Limits{CPU: 0.2}, "burn")
	h.wait(p)
	b, _ := os.ReadFile(s.Stdout)
	ms, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(string(b), "used ")))
	if err != nil || ms > 300 { // 120 ms of 600, one period more, and the start
		h.Errorf("it used %d ms of 600 with a limit of 0.2 cores (%v)", ms, err)
	}
	h.Logf("it used %d ms of 600 with a limit of 0.2 cores", ms)
}

func descriptors(h *harness) {
	round := func() {
		h.wait(h.start(h.spec("exit", "0")))
		h.prepare(h.spec("exit", "0")).Abort()
		s := h.spec()
		s.Argv = []string{"no-such-program-here"}
		_, _ = h.prepare(s).Start(h.Context())
	}
	round() // what is opened once for good
	before := openFiles()
	if before < 0 {
		h.Skip("open files cannot be counted on " + runtime.GOOS)
	}
	for range 5 {
		round()
	}
	for range h.until(slack) { // the last handle is closed after Done
		if openFiles() <= before {
			return
		}
	}
	h.Errorf("%d files open, %d before", openFiles(), before)
}

func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(entries)
}
