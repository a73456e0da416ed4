//go:build unix

package build

import (
	"os/exec"
	"syscall"
)

// contain makes a build a process group of its own that is killed whole.
func contain(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
