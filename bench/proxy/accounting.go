//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/banyanrun/banyan/bench/proxy/load"
	"golang.org/x/sys/unix"
)

// meter takes the CPU time of a proxy's processes over a measured time.
type meter struct {
	pids  []int
	noise *noise
	used  time.Duration

	began               time.Time
	proxyWait, loadWait time.Duration
}

func (m *meter) begin(p *process) func() error {
	return func() (err error) {
		m.pids, m.began = p.pids(), time.Now()
		m.proxyWait, m.loadWait = waited(m.pids), waited([]int{os.Getpid()})
		m.used, err = cpuTime(m.pids)
		return err
	}
}

func (m *meter) end() error {
	now, err := cpuTime(m.pids)
	m.used = now - m.used
	m.noise.measured += time.Since(m.began)
	m.noise.proxy += waited(m.pids) - m.proxyWait
	m.noise.load += waited([]int{os.Getpid()}) - m.loadWait
	return err
}

// perRequest is the CPU time of each request in µs.
func (m *meter) perRequest(res load.Result) float64 {
	return m.used.Seconds() * 1e6 / float64(res.Requests)
}

// noise is how long the load and the proxies waited for their cores, which they
// have to themselves where no other work disturbs.
type noise struct{ measured, load, proxy time.Duration }

// share is the part of the measured time that was waited, of the one that waited more.
func (n *noise) share() float64 {
	if n.measured == 0 {
		return 0
	}
	return min(1, max(n.load, n.proxy).Seconds()/n.measured.Seconds())
}

// waited is how long the threads of processes were ready to run and did not.
func waited(pids []int) time.Duration {
	var sum time.Duration
	for _, pid := range pids {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		for _, path := range threads {
			line, _ := os.ReadFile(path) // the thread may have ended
			if f := strings.Fields(string(line)); len(f) == 3 {
				ns, _ := strconv.ParseInt(f[1], 10, 64) // the kernel's own number
				sum += time.Duration(ns)
			}
		}
	}
	return sum
}

// cpuTime is what the kernel has accounted to processes, over all their threads,
// those that have ended included: clock_getcpuclockid(3), in nanoseconds.
func cpuTime(pids []int) (time.Duration, error) {
	const processClock = 2 // CPUCLOCK_SCHED of all threads
	var sum time.Duration
	for _, pid := range pids {
		var ts unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|processClock), &ts); err != nil {
			return 0, fmt.Errorf("the CPU time of process %d: %w", pid, err)
		}
		sum += time.Duration(ts.Nano())
	}
	return sum, nil
}

// memoryOf is the RSS of processes in bytes; what they share counts once for each.
func memoryOf(pids []int) (int64, error) {
	var sum int64
	for _, pid := range pids {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			return 0, err
		}
		pages, err := strconv.ParseInt(strings.Fields(string(data))[1], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += pages * int64(os.Getpagesize())
	}
	return sum, nil
}
