package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

const limitsFile = `
name: limits
gateway: {listen: ":${port}", routes: [{path: /glutton, to: glutton, timeout: 20s}, {path: /runner, to: runner}]}
services:
	glutton: {command: "${testapp}", resources: {memory: 96Mi}}
	runner: {command: "${testapp}", resources: {cpu: 0.2, memory: 128Mi}}
`

// Limits are enforced where the machine permits it, an end for want of memory
// is called that, and elsewhere it is said that they are not enforced.
func TestLimits(t *testing.T) {
	long(t)
	a := newApp(t, limitsFile)
	a.up()
	if why := unenforced(a.one("glutton")); why != "" {
		t.Logf("warning: %s", why)
		if text := a.must("ps").out; !strings.Contains(text, "not enforced") {
			t.Errorf("ps does not say that limits are not enforced: %s", text)
		}
		if os.Getuid() == 0 {
			absent(t, "root's limits are not enforced here: "+why)
		}
		t.Skip("skipped: only root's limits can be enforced here: " + why)
	}

	t.Run("memory", func(t *testing.T) {
		before := a.one("glutton")
		if _, err := send(http.MethodGet, a.url("/glutton/eat?mib=300"), nil); err != nil {
			t.Fatal(err)
		}
		reason := ""
		a.when(20*time.Second, "the kernel to end it", func(st *appStatus) error {
			i := service(st, "glutton").GetInstances()[0]
			if i.GetReason() != "" && i.GetState() == banyanv1.State_STATE_BACKING_OFF {
				reason = i.GetReason()
			}
			if i.GetRestarts() == before.GetRestarts() {
				return fmt.Errorf("%s, %d bytes", i.GetState(), i.GetMemoryBytes())
			}
			return nil
		})
		t.Logf("it ended: %q", reason)
		if !strings.Contains(reason, "out of memory") || !strings.Contains(reason, "96Mi") {
			t.Errorf("the reason is %q, want out of memory and the limit", reason)
		}
		a.settled(20 * time.Second)
	})
	t.Run("cpu", func(t *testing.T) {
		before := a.ps()
		began := time.Now()
		var quick answer
		done := make(chan error, 1)
		go func() {
			var err error
			quick, err = send(http.MethodGet, a.url("/runner/burn?d=3s"), nil)
			done <- err
		}()
		if err := <-done; err != nil || quick.status != http.StatusOK {
			t.Fatal(quick, err)
		}
		took := time.Since(began)
		used := cpuOf(a.ps(), "runner") - cpuOf(before, "runner")
		figure(t, "with cpu: 0.2 it used %s in %s", ms(used), ms(took))
		if share := used.Seconds() / took.Seconds(); share > 0.3 || used == 0 {
			t.Errorf("it used %.2f of a core, want 0.2", share)
		}
	})
}

// unenforced is why an instance's limits are not enforced; empty: they are.
func unenforced(i *banyanv1.Instance) string {
	for _, w := range i.GetWarnings() {
		if strings.Contains(w, "not enforced") {
			return w
		}
	}
	return ""
}

func cpuOf(st *appStatus, name string) time.Duration {
	var sum time.Duration
	for _, i := range service(st, name).GetInstances() {
		sum += i.GetCpuTime().AsDuration()
	}
	return sum
}
