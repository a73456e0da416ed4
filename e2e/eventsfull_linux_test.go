package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/banyanrun/banyan/e2e/ledger"
)

// fullFile is an app whose service publishes, and takes no events before it is told to.
const fullFile = `
name: full
gateway: {listen: ":${port}", routes: [{path: /front, to: front}]}
services:
	front:
		command: ${testapp}
		readiness: {http: /healthz}
		environment: {LEDGER: "=ledger=", MOOD: closed}
		publishes: [order.placed]
		subscribes: {order.placed: /take}
`

// The disk is full to its last byte: publishing is refused by 507, what is stored is
// read and delivered, and when there is room again all goes on by itself.
func TestEventsOnAFullDisk(t *testing.T) {
	a := newEventsApp(t, 0)
	a.smallDisk(t, 40<<20)
	a.write("banyan.yaml", strings.ReplaceAll(fullFile, "=ledger=", a.ledger))
	a.up()
	url := a.banyanURL() + "/v1/topics/" + eventsTopic
	kept := 0
	publish := func() answer {
		data := map[string]any{"lane": "front", "n": kept, "fill": strings.Repeat("x", 60<<10)}
		res := ask(t, http.MethodPost, url, data, "Ce-Specversion", "1.0", "Ce-Id", "front:"+strconv.Itoa(kept),
			"Ce-Source", "/e2e", "Ce-Type", "test", "Ce-Subject", "front")
		if res.status == http.StatusCreated {
			kept++
		}
		return res
	}
	filler := a.fill(t, 20<<20) // the topic's next part is then smaller than what is given back below
	a.refused(t, publish)
	a.fill(t, 1<<30)
	a.refused(t, publish)
	if n := len(a.stored(eventsTopic)); n != kept {
		t.Errorf("%d events are read, and %d were acknowledged", n, kept)
	}
	a.touch("calm")
	await(t, 30*time.Second, "deliveries on the full disk", func() error { return a.hasGot(t, "front", kept) })
	a.refused(t, publish)

	daemon := a.pid("daemon")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	await(t, 20*time.Second, "a publish", func() error {
		if res := publish(); res.status != http.StatusCreated {
			return errors.New(res.String())
		}
		return nil
	})
	figure(t, "%d events of 60 KiB before the disk was full; %s after there was room, publishing went on", kept-1, ms(time.Since(began)))
	a.drained(t)
	if now := a.pid("daemon"); now != daemon {
		t.Errorf("the daemon was process %d and is %d now", daemon, now)
	}
	kill(t, daemon)
	dead(t, daemon)
	a.settled(20 * time.Second)
	if n := len(a.stored(eventsTopic)); n != kept {
		t.Errorf("the next daemon reads %d events, and %d were acknowledged", n, kept)
	}
	a.drained(t)
}

// smallDisk gives the app's state a disk of its own, of so many bytes beside Banyan's program.
func (a eventsApp) smallDisk(t *testing.T, size int64) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("skipped: only root can make a small disk")
	}
	dir := a.layout.StateDir
	banyan, err := os.Stat(bin.banyan) // of which the state has a copy
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=755", banyan.Size()+size)); err != nil {
		absent(t, fmt.Sprintf("no file system can be mounted here: %v", err))
	}
	t.Cleanup(func() {
		a.cleanUp() // the disk can go when nothing runs on it
		// A process that has ended may not have closed its files yet.
		if err := until(context.Background(), 5*time.Second, func() error { return syscall.Unmount(dir, 0) }); err != nil {
			t.Error(err)
		}
	})
}

// refused publishes until that is refused for want of room.
func (a eventsApp) refused(t *testing.T, publish func() answer) {
	t.Helper()
	for range 10_000 {
		if res := publish(); res.status != http.StatusCreated {
			p := res.problem(t, http.StatusInsufficientStorage, "topic-full")
			t.Logf("refused: %s", p.Detail)
			return
		}
	}
	t.Fatal("the disk does not get full")
}

// fill takes up bytes of the app's disk, or all that is left.
func (a eventsApp) fill(t *testing.T, most int) (path string) {
	t.Helper()
	file, err := os.CreateTemp(a.layout.StateDir, "filler-")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for size := 1 << 20; size > 0 && most > 0; {
		n, err := file.Write(make([]byte, min(size, most)))
		if err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			size /= 2
		}
		most -= n
	}
	return file.Name()
}

// hasGot says what a subscriber has not taken of a lane's first n events.
func (a eventsApp) hasGot(t *testing.T, service string, n int) error {
	t.Helper()
	entries, err := ledger.Read(filepath.Join(a.ledger, service+".got"))
	if err != nil {
		return err
	}
	taken := map[int]bool{}
	for _, e := range entries {
		if e.Status == http.StatusNoContent {
			taken[e.N] = true
		}
	}
	if len(taken) != n {
		return fmt.Errorf("%s has taken %d of %d events", service, len(taken), n)
	}
	return nil
}
