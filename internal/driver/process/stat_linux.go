package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// stat is what matters of /proc/PID/stat.
type stat struct {
	comm       string
	zombie     bool
	ppid, pgrp int
	cpu        uint64 // ticks, waited-for children included
	start      uint64 // ticks since boot
	rss        int64  // pages
	exit       int32  // wait status, for a zombie
	exitKnown  bool
}

// bootID names this run of the kernel.
func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b)), err
}

func readStat(pid int) (stat, error) {
	var buf [1024]byte
	b, err := readSmall("/proc/"+strconv.Itoa(pid)+"/stat", buf[:])
	if err != nil {
		return stat{}, err
	}
	return parseStat(b)
}

// readSmall reads a file of /proc in one go, without the poller.
func readSmall(path string, buf []byte) ([]byte, error) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	n, err := syscall.Read(fd, buf)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}

// parseStat reads from the last ')' on: a program's name may hold anything.
func parseStat(b []byte) (stat, error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return stat{}, fmt.Errorf("stat line %q has no name", b)
	}
	f := bytes.Fields(b[end+1:])
	if len(f) < 22 { // field n of proc(5) is f[n-3]
		return stat{}, fmt.Errorf("stat line %q is too short", b)
	}
	num := func(n int) int64 {
		v, _ := strconv.ParseInt(string(f[n-3]), 10, 64)
		return v
	}
	state := f[0][0]
	start, err := strconv.ParseUint(string(f[22-3]), 10, 64)
	if err != nil {
		return stat{}, fmt.Errorf("stat line %q: %w", b, err)
	}
	st := stat{comm: string(b[open+1 : end]), zombie: state == 'Z' || state == 'X' || state == 'x',
		ppid: int(num(4)), pgrp: int(num(5)), start: start, rss: num(24)}
	st.cpu = uint64(num(14) + num(15) + num(16) + num(17))
	if len(f) >= 52-2 {
		st.exit, st.exitKnown = int32(num(52)), true
	}
	return st, nil
}

// environ is the environment a process was started with; nil where it may not
// be read.
func environ(pid int) []string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil || len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}

// command is a process's name for people.
func command(pid int) string {
	st, err := readStat(pid)
	if err != nil {
		return "a process"
	}
	return st.comm
}

func kernelVersion(release string) (major, minor int) {
	_, _ = fmt.Sscanf(release, "%d.%d", &major, &minor)
	return major, minor
}
