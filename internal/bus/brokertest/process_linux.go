package brokertest

import "syscall"

// withUs ends a process when this one ends, however it does.
func withUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
