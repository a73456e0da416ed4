//go:build !linux && !darwin

package launch

import "os"

// Child says that this system is not supported.
func Child() {
	_, _ = os.Stderr.WriteString("banyan needs Linux or macOS; on Windows use WSL2\n")
	os.Exit(2)
}
