// Package early runs the body of `banyan exec` during package initialisation,
// before the big dependencies of the banyan binary initialise: Go initialises
// packages as soon as what they import is ready, and this one imports almost
// nothing. It is for a blank import in cmd/banyan and nothing else; it does
// nothing unless the process driver started this process.
package early

import (
	"os"

	"github.com/banyanrun/banyan/internal/driver/process/launch"
)

func init() {
	if len(os.Args) > 1 && os.Getenv(launch.Marker) == "1" {
		launch.Child()
	}
}
