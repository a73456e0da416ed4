package process

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"syscall"
)

// scanner looks through /proc for instances' processes where no cgroup tracks
// them. A look costs some 10 µs a process of the machine, so those who ask at
// the same time share one: 600 instances that stop at once must not cost 600.
type scanner struct {
	mu      sync.Mutex
	next    *look // gathers askers until it begins
	running sync.Mutex
}

// look is one pass over /proc.
type look struct {
	done   chan struct{}
	byTag  map[string][]int
	byPgrp map[int][]int
}

// fresh returns a look that began after the call.
func (s *scanner) fresh() *look {
	s.mu.Lock()
	l, first := s.next, false
	if l == nil {
		l, first = &look{done: make(chan struct{})}, true
		s.next = l
	}
	s.mu.Unlock()
	if !first {
		<-l.done
		return l
	}
	s.running.Lock()
	s.mu.Lock()
	s.next = nil
	s.mu.Unlock()
	l.run()
	s.running.Unlock()
	close(l.done)
	return l
}

func (l *look) run() {
	l.byTag, l.byPgrp = map[string][]int{}, map[int][]int{}
	dir, err := os.Open("/proc")
	if err != nil {
		return
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	buf := make([]byte, 128<<10)
	self := os.Getpid() // never an instance, whatever its environment says
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == self {
			continue
		}
		l.add(pid, buf)
	}
}

func (l *look) add(pid int, buf []byte) {
	b, err := readSmall("/proc/"+strconv.Itoa(pid)+"/stat", buf)
	if err != nil {
		return
	}
	st, err := parseStat(b)
	if err != nil || st.zombie || st.pgrp == 0 { // kernel threads have no group
		return
	}
	l.byPgrp[st.pgrp] = append(l.byPgrp[st.pgrp], pid)
	if tag := readTag(pid, buf); tag != "" {
		l.byTag[tag] = append(l.byTag[tag], pid)
	}
}

// readTag returns the value of BANYAN_TAG in the environment that the process
// was started with; empty if there is none or it may not be read.
func readTag(pid int, buf []byte) string {
	fd, err := syscall.Open("/proc/"+strconv.Itoa(pid)+"/environ", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer syscall.Close(fd)
	n := 0
	for n < len(buf) {
		m, err := syscall.Read(fd, buf[n:])
		if m <= 0 || err != nil {
			break
		}
		n += m
	}
	return findTag(buf[:n])
}

// findTag looks for the exact entry: another variable whose value holds the
// text does not count.
func findTag(env []byte) string {
	want := []byte(tagVariable + "=")
	for at := 0; ; {
		i := bytes.Index(env[at:], want)
		if i < 0 {
			return ""
		}
		i += at
		if i == 0 || env[i-1] == 0 {
			v := env[i+len(tagVariable)+1:]
			if end := bytes.IndexByte(v, 0); end >= 0 {
				v = v[:end]
			}
			return string(v)
		}
		at = i + 1
	}
}

// survivors lists the processes of the instance that are not zombies.
func (in *instance) survivors() []int {
	dirs := splitDirs(in.id.Cgroup)
	if dir := tracking(dirs); dir != "" {
		return cgroupPIDs(dir)
	}
	seen := map[int]bool{}
	for _, dir := range dirs {
		for _, pid := range cgroupPIDs(dir) {
			seen[pid] = true
		}
	}
	l := in.d.scan.fresh()
	for _, pid := range l.byTag[in.id.Tag] {
		seen[pid] = true
	}
	if in.leads() {
		for _, pid := range l.byPgrp[in.id.PID] {
			seen[pid] = true
		}
	}
	out := make([]int, 0, len(seen))
	for pid := range seen {
		out = append(out, pid)
	}
	return out
}

// leads tells whether the number of the instance's process group is certainly
// still its own: while the main process exists, or while a process of the
// instance is in it. The former is what the handle knows.
func (in *instance) leads() bool {
	return in.h != nil && in.h.signal(0) == nil
}

// owns tells whether the process, which the caller has opened, belongs to the
// instance.
func (in *instance) owns(pid int) bool {
	for _, dir := range splitDirs(in.id.Cgroup) {
		if inCgroup(pid, dir) {
			return true
		}
	}
	buf := make([]byte, 128<<10)
	if readTag(pid, buf) == in.id.Tag {
		return true
	}
	st, err := readStat(pid)
	return err == nil && in.leads() && st.pgrp == in.id.PID
}
