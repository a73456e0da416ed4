//go:build linux || darwin

package process_test

import (
	"os"
	"testing"

	"github.com/banyanrun/banyan/internal/driver"
	"github.com/banyanrun/banyan/internal/driver/drivertest"
	"github.com/banyanrun/banyan/internal/driver/process"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "exec" {
		process.Child()
	}
	drivertest.Main(m, func() (driver.Driver, error) { return newDriver() })
}

func newDriver() (*process.Driver, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return process.New(process.Options{Exec: []string{exe, "exec"}, Tag: "drivertest"})
}

func TestDriver(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) driver.Driver {
		d, err := newDriver()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.Close)
		return d
	})
}
