// Command banyan on Windows only says that it runs in WSL2: neither the daemon
// nor the data plane is built in, as both need what Unix has.
package main

import (
	"os"

	"github.com/banyanrun/banyan/internal/cli"
)

func main() { os.Exit(cli.Main(cli.Entrypoints{})) }
