package drivertest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/driver"
)

// order is what a daemon in a process of its own is to do.
type order struct {
	Spec  driver.Spec
	Start bool
	Deaf  bool // it stops itself (SIGSTOP) then: it lives, and reaps nothing
}

// runDaemon prepares (and starts) an instance, says its identity on stdout, and
// waits to be killed.
func runDaemon(newDriver func() (driver.Driver, error), arg string) {
	var o order
	err := json.Unmarshal([]byte(arg), &o)
	var d driver.Driver
	if err == nil {
		d, err = newDriver()
	}
	var p driver.Prepared
	if err == nil {
		p, err = d.Prepare(context.Background(), o.Spec)
	}
	if err == nil && o.Start {
		_, err = p.Start(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(mustJSON(p.Identity()))
	if o.Deaf {
		stopSelf()
	}
	time.Sleep(time.Hour)
}

// daemon runs an order in a process of its own; kill ends it with SIGKILL.
func (h *harness) daemon(o order) (id driver.Identity, kill func()) {
	h.Helper()
	cmd := exec.Command(self(), daemonArg, mustJSON(o))
	out, err := cmd.StdoutPipe()
	if err != nil {
		h.Fatal(err)
	}
	var errOut strings.Builder
	cmd.Stderr = &errOut
	if err := cmd.Start(); err != nil {
		h.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if err := json.Unmarshal([]byte(line), &id); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		h.Fatalf("the daemon said %q: %s", line, &errOut)
	}
	return id, func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}
