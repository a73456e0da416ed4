//go:build linux || darwin

package process_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/banyanrun/banyan/internal/driver"
	"github.com/banyanrun/banyan/internal/driver/drivertest"
	"github.com/banyanrun/banyan/internal/driver/process"
)

const tagVariable = "DRIVERTEST_TAG"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "exec" {
		process.Child()
	}
	// Daemons in a process of their own share the tag with this one; another run
	// of the tests on this machine does not.
	if !drivertest.IsProgram() && os.Getenv(tagVariable) == "" {
		_ = os.Setenv(tagVariable, "drivertest-"+strconv.Itoa(os.Getpid()))
	}
	drivertest.Main(m, func() (driver.Driver, error) { return newDriver() })
}

func newDriver() (*process.Driver, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return process.New(process.Options{Exec: []string{exe, "exec"}, Tag: os.Getenv(tagVariable)})
}

func TestDriver(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) driver.Driver {
		t.Helper()
		d, err := newDriver()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.Close)
		return d
	})
}
