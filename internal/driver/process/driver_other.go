//go:build !linux && !darwin

package process

import (
	"github.com/banyanrun/banyan/internal/driver"
	"github.com/banyanrun/banyan/internal/driver/process/launch"
	"github.com/banyanrun/banyan/internal/fault"
)

// Driver does not exist on this system.
type Driver struct{ driver.Driver }

func unsupported() error {
	return fault.New(fault.Unavailable, "Banyan needs Linux or macOS").Fix("on Windows use WSL2")
}

// New says that this system is not supported.
func New(Options) (*Driver, error) { return nil, unsupported() }

// Close does nothing.
func (*Driver) Close() {}

// Child says that this system is not supported.
func Child() { launch.Child() }

// LookupUser says that this system is not supported.
func LookupUser(string) (uid, gid uint32, err error) { return 0, 0, unsupported() }
