//go:build !linux

package brokertest

import "syscall"

// withUs is for Linux: elsewhere a process outlives one that is killed.
func withUs() *syscall.SysProcAttr { return nil }
