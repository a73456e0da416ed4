//go:build unix

package launch

import (
	"os/exec"
	"syscall"
)

// detach puts the daemon in a session of its own: no terminal's signals reach it.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
