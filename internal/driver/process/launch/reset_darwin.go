package launch

import (
	"os/signal"
	"syscall"
)

// closeRest has nothing to do: the daemon opens everything with close-on-exec.
func closeRest() {}

// resetSignals gives the program default dispositions for what nohup ignores.
func resetSignals() { signal.Reset(syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM) }
