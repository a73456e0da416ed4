package ports_test

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/banyanrun/banyan/internal/ports"
)

func allocator(t *testing.T, dir, name string, known map[int]string) *ports.Allocator {
	t.Helper()
	owner := filepath.Join(dir, "state-"+name)
	if err := os.MkdirAll(owner, 0o700); err != nil {
		t.Fatal(err)
	}
	a, err := ports.New(dir, owner, name, known)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTwoAppsNeverShareAPort(t *testing.T) {
	dir := t.TempDir()
	a, b := allocator(t, dir, "a", nil), allocator(t, dir, "b", nil)
	var mu sync.Mutex
	seen := map[int]bool{}
	var wg sync.WaitGroup
	for n := range 100 {
		wg.Go(func() {
			from := a
			if n%2 == 1 {
				from = b
			}
			p, err := from.Lease("test")
			mu.Lock()
			defer mu.Unlock()
			if err != nil || seen[p] || p < ports.First || p > ports.Last {
				t.Errorf("port %d: seen %v, %v", p, seen[p], err)
			}
			seen[p] = true
		})
	}
	wg.Wait()
}

func TestLeasesSurviveAndEnd(t *testing.T) {
	dir := t.TempDir()
	a := allocator(t, dir, "a", nil)
	p, err := a.Lease("order-1")
	if err != nil {
		t.Fatal(err)
	}
	again := allocator(t, dir, "a", a.Leased())
	if again.Leased()[p] != "order-1" {
		t.Fatal("the lease did not survive")
	}
	if err := os.RemoveAll(filepath.Join(dir, "state-a")); err != nil {
		t.Fatal(err)
	}
	allocator(t, dir, "b", nil)
	if _, err := allocator(t, dir, "b", nil).Lease("x"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a.json")); !os.IsNotExist(err) {
		t.Fatal("the lease of an app that is gone was kept")
	}
}

func TestTakenPortIsPassedOverAndNamed(t *testing.T) {
	dir := t.TempDir()
	a := allocator(t, dir, "a", nil)
	p, err := a.Lease("x")
	if err != nil {
		t.Fatal(err)
	}
	a.Release(p)
	l, err := net.Listen("tcp4", "127.0.0.1:"+strconv.Itoa(p+1))
	if err != nil {
		t.Skip("the next port is taken by somebody else")
	}
	defer l.Close()
	for range 3 {
		got, err := a.Lease("x")
		if err != nil || got == p+1 {
			t.Fatalf("%d, %v", got, err)
		}
	}
	if holder := ports.Holder(p + 1); holder != "" && !strings.Contains(holder, "pid "+strconv.Itoa(os.Getpid())) {
		t.Fatalf("holder %q", holder)
	}
}
