package main

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
)

const file = syscall.S_IFREG | 0o644

func create(t *testing.T, d *disk, dir *node, name string) *node {
	t.Helper()
	n, errno := d.create(dir, name, attr{mode: file}, "")
	if errno != 0 {
		t.Fatal(errno)
	}
	return n
}

func content(d *disk, name string) []byte {
	n := d.lookup(d.root, name)
	if n == nil {
		return nil
	}
	return d.read(n, make([]byte, 1<<20), 0)
}

// each calls f with what each of many losses of power leaves.
func each(t *testing.T, prepare func(*disk), f func(seed uint64, d *disk)) {
	t.Helper()
	for seed := range uint64(300) {
		d := newDisk(false)
		prepare(d)
		left, _ := d.lose(seed)
		f(seed, left)
	}
}

func TestWhatIsSyncedIsKept(t *testing.T) {
	data := bytes.Repeat([]byte("x"), 5000)
	each(t, func(d *disk) {
		n := create(t, d, d.root, "a")
		d.write(n, data, 0)
		d.sync(n)
		d.rename(place{d.root, "a"}, place{d.root, "b"})
		d.sync(d.root)
	}, func(seed uint64, d *disk) {
		if !bytes.Equal(content(d, "b"), data) || content(d, "a") != nil {
			t.Errorf("seed %d: %d bytes are left", seed, len(content(d, "b")))
		}
	})
}

// Content that was not synced is lost, kept or torn; what was under it may come back.
func TestContentIsLostInEveryWay(t *testing.T) {
	seen := map[string]int{}
	each(t, func(d *disk) {
		n := create(t, d, d.root, "a")
		d.sync(d.root)
		d.write(n, bytes.Repeat([]byte("o"), 2*sector), 0)
		d.sync(n)
		d.write(n, bytes.Repeat([]byte("n"), 2*sector), 0)
	}, func(_ uint64, d *disk) {
		var b strings.Builder
		for at, c := range content(d, "a") {
			if at%sector == 0 {
				b.WriteByte(c)
			}
		}
		seen[b.String()]++
	})
	for _, want := range []string{"oo", "nn", "on", "no"} {
		if seen[want] == 0 {
			t.Errorf("never %s: %v", want, seen)
		}
	}
	if len(seen) != 4 {
		t.Errorf("%v", seen)
	}
}

// A rename without a sync of the directory is there or not, and so is the file that
// it replaced; which content it has is another question.
func TestNamesAreLost(t *testing.T) {
	seen := map[string]int{}
	each(t, func(d *disk) {
		old := create(t, d, d.root, "a")
		d.write(old, []byte("old"), 0)
		d.sync(old)
		d.sync(d.root)
		n := create(t, d, d.root, "a.tmp")
		d.write(n, []byte("new"), 0)
		d.rename(place{d.root, "a.tmp"}, place{d.root, "a"})
	}, func(_ uint64, d *disk) { seen[string(content(d, "a"))]++ })
	for _, want := range []string{"old", "new", ""} {
		if seen[want] == 0 {
			t.Errorf("never %q: %v", want, seen)
		}
	}
	if len(seen) != 3 {
		t.Errorf("%v", seen)
	}
}

// What is below a directory is lost with it.
func TestDirectoriesAreLost(t *testing.T) {
	lost := 0
	each(t, func(d *disk) {
		dir, _ := d.create(d.root, "dir", attr{mode: syscall.S_IFDIR}, "")
		n := create(t, d, dir, "a")
		d.write(n, []byte("x"), 0)
		d.sync(n)
		d.sync(dir)
	}, func(seed uint64, d *disk) {
		dir := d.lookup(d.root, "dir")
		if dir == nil {
			lost++
		} else if n := d.lookup(dir, "a"); n == nil || string(d.read(n, make([]byte, 9), 0)) != "x" {
			t.Errorf("seed %d: what was synced is not there", seed)
		}
	})
	if lost == 0 {
		t.Error("it was never lost")
	}
}

// A disk that lies is as if nothing had ever been synced, and after power has failed
// nobody is told that a sync succeeded.
func TestLieAndOff(t *testing.T) {
	kept := 0
	for seed := range uint64(100) {
		d := newDisk(true)
		n := create(t, d, d.root, "a")
		if errno := d.sync(n) | d.sync(d.root); errno != 0 {
			t.Error(errno)
		}
		left, _ := d.lose(seed)
		if left.lookup(left.root, "a") != nil {
			kept++
		}
		if errno := d.sync(n); errno != syscall.EIO {
			t.Error(errno)
		}
	}
	if kept == 0 || kept > 80 {
		t.Errorf("it was kept %d times of 100", kept)
	}
}

// The same seed loses the same.
func TestSeed(t *testing.T) {
	lose := func(seed uint64) string {
		d := newDisk(false)
		random := rand.New(rand.NewPCG(seed, 1))
		nodes := []*node{create(t, d, d.root, "a"), create(t, d, d.root, "b"), create(t, d, d.root, "c")}
		for range 50 {
			n := nodes[random.IntN(3)]
			switch random.IntN(8) {
			case 0:
				d.sync(n)
			case 1:
				d.sync(d.root)
			case 2:
				d.truncate(n, random.Int64N(4000))
			default:
				d.write(n, bytes.Repeat([]byte{byte(random.IntN(256))}, random.IntN(3000)), random.Int64N(3000))
			}
		}
		left, _ := d.lose(seed)
		return string(content(left, "a")) + "|" + string(content(left, "b")) + "|" + string(content(left, "c"))
	}
	for seed := range uint64(50) {
		if first, second := lose(seed), lose(seed); first != second {
			t.Errorf("seed %d", seed)
		}
	}
}
