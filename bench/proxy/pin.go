//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// The hidden first arguments of the roles that this binary plays.
const (
	loadArg   = "run-load"   // CPU of the proxies, then the command line's arguments
	pinArg    = "run-pinned" // CPU, then a command
	banyanArg = "run-banyan" // path of a banyanConfig
)

// pinLoad starts this program anew on the first core that it may use; proxies get the last.
func pinLoad(args []string) error {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return fmt.Errorf("which cores: %w", err)
	}
	var cpus []int
	for cpu := 0; len(cpus) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	if len(cpus) < 2 {
		return errors.New("needs two cores: one for the proxy, one for the load")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	last := strconv.Itoa(cpus[len(cpus)-1])
	return execOn(cpus[0], self, append([]string{self, loadArg, last}, args...))
}

// pin becomes a command on a core.
func pin(args []string) error {
	if len(args) < 2 {
		return errors.New("want a core and a command")
	}
	cpu, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	path, err := exec.LookPath(args[1])
	if err != nil {
		return err
	}
	return execOn(cpu, path, args[1:])
}

// execOn becomes the program at path, pinned to a core: the new program keeps
// the calling thread's affinity.
func execOn(cpu int, path string, argv []string) error {
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pin to core %d: %w", cpu, err)
	}
	return syscall.Exec(path, argv, os.Environ())
}

// raiseLimit lets this process and its children have as many descriptors as they can get.
func raiseLimit() {
	for _, want := range []uint64{65536, 0} {
		var lim syscall.Rlimit
		if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim) != nil {
			return
		}
		if lim.Max < want {
			lim.Max = want
		}
		lim.Cur = lim.Max
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lim) == nil {
			return
		}
	}
}
