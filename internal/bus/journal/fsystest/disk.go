package fsystest

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"

	"github.com/banyanrun/banyan/internal/bus/journal/fsys"
)

// sector is what a disk writes whole or not at all, in bytes.
const sector = 512

// ErrHalted is what everything returns between a crash and Kill or PowerLoss.
var ErrHalted = errors.New("the machine has stopped")

// Op names a call, for a Fault.
type Op string

// The calls that can fail.
const (
	Mkdir   Op = "mkdir"
	List    Op = "list"
	Create  Op = "create"
	Open    Op = "open"
	Rename  Op = "rename"
	Remove  Op = "remove"
	SyncDir Op = "syncdir"
	Read    Op = "read"
	Write   Op = "write"
	Sync    Op = "sync"
)

// Fault is asked before a call, one call at a time, with the number of the call
// from 1. An error of it is the call's. A write that fails has written half; after
// a sync that fails, what was written is seen until the next loss of power,
// whatever is synced in between.
type Fault func(op Op, name string, call int) error

// Disk is the file system. All methods may be called concurrently.
type Disk struct {
	// Lie makes Sync and SyncDir do nothing, and say that all went well. Set it first.
	Lie bool

	mu     sync.Mutex
	fault  Fault
	random *rand.Rand
	calls  int
	life   int // rises with each crash: files of an earlier life are dead
	halted bool
	names  map[string]*node // as programs see them
	saved  map[string]*node // as they are after a loss of power
	moves  []move           // what SyncDir has not made last yet
}

type node struct {
	data    []byte // as programs see it
	saved   []byte
	pending []write
}

type write struct {
	at   int64
	data []byte
}

// move sets a name, removes one, or both at once.
type move struct {
	set, remove string
	node        *node
}

var _ fsys.FS = (*Disk)(nil)

// New returns an empty disk. What a loss of power destroys follows from the seed.
func New(seed uint64) *Disk {
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // the same seed must destroy the same
	return &Disk{random: random, names: map[string]*node{}, saved: map[string]*node{}}
}

// Fail sets what makes calls fail; nil: nothing does.
func (d *Disk) Fail(f Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = f
}

// Calls returns how many calls there were.
func (d *Disk) Calls() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls
}

// Halt makes all calls fail until Kill or PowerLoss.
func (d *Disk) Halt() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.halted = true
}

// Kill ends the program that uses the disk: what it wrote is there, its open files are dead.
func (d *Disk) Kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.life++
	d.halted = false
}

// PowerLoss is Kill, and of what was not synced any part is lost.
func (d *Disk) PowerLoss() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.life++
	d.halted = false
	for _, m := range d.moves {
		if d.random.IntN(2) == 0 {
			m.apply(d.saved)
		}
	}
	d.moves = nil
	d.names = maps.Clone(d.saved)
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		d.names[name].lose(d.random)
	}
}

// Flip changes one bit of a file, as a bad disk does. It reports whether there is such a byte.
func (d *Disk) Flip(name string, at int64, bit int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.names[name]
	if n == nil || at >= int64(len(n.data)) {
		return false
	}
	n.data[at] ^= 1 << bit
	n.saved = slices.Clone(n.data)
	n.pending = nil
	return true
}

// Truncate cuts a file's end off.
func (d *Disk) Truncate(name string, size int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.names[name]
	n.data = n.data[:size:size]
	n.saved = slices.Clone(n.data)
	n.pending = nil
}

// Clone returns a disk with the same files, all synced.
func (d *Disk) Clone() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := New(0)
	for name, n := range d.names {
		c.names[name] = &node{data: slices.Clone(n.data), saved: slices.Clone(n.data)}
	}
	c.saved = maps.Clone(c.names)
	return c
}

// lose drops all that is pending, keeps it all, keeps a beginning, or tears it into sectors.
func (n *node) lose(random *rand.Rand) {
	kind := random.IntN(4)
	whole := len(n.pending)
	if kind == 2 && whole > 0 {
		whole = random.IntN(whole)
	}
	for i, w := range n.pending {
		switch {
		case kind == 0 || kind == 2 && i > whole:
		case kind == 1 || kind == 2 && i < whole:
			n.saved = put(n.saved, w.data, w.at)
		default:
			n.tear(w, random)
		}
	}
	n.pending = nil
	n.data = slices.Clone(n.saved)
}

func (n *node) tear(w write, random *rand.Rand) {
	for len(w.data) > 0 {
		part := min(int64(len(w.data)), sector-w.at%sector)
		if random.IntN(2) == 0 {
			n.saved = put(n.saved, w.data[:part], w.at)
		}
		w.data, w.at = w.data[part:], w.at+part
	}
}

func put(to, data []byte, at int64) []byte {
	if end := int(at) + len(data); end > len(to) {
		to = append(to, make([]byte, end-len(to))...)
	}
	copy(to[at:], data)
	return to
}

func (m move) apply(names map[string]*node) {
	if m.remove != "" {
		delete(names, m.remove)
	}
	if m.set != "" {
		names[m.set] = m.node
	}
}

// enter must be called with mu held.
func (d *Disk) enter(op Op, name string) error {
	if d.halted {
		return ErrHalted
	}
	d.calls++
	if d.fault == nil {
		return nil
	}
	if err := d.fault(op, name, d.calls); err != nil {
		return &fs.PathError{Op: string(op), Path: name, Err: err}
	}
	return nil
}

func (d *Disk) move(m move) {
	m.apply(d.names)
	d.moves = append(d.moves, m)
}

// MkdirAll implements fsys.FS. Directories always last: they hold nothing by themselves.
func (d *Disk) MkdirAll(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.enter(Mkdir, dir)
}

// List implements fsys.FS.
func (d *Disk) List(dir string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter(List, dir); err != nil {
		return nil, err
	}
	var names []string
	for name := range d.names {
		if filepath.Dir(name) == dir {
			names = append(names, filepath.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// Create implements fsys.FS.
func (d *Disk) Create(name string) (fsys.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter(Create, name); err != nil {
		return nil, err
	}
	n := &node{}
	d.move(move{set: name, node: n})
	return &handle{d, n, name, d.life}, nil
}

// Open implements fsys.FS.
func (d *Disk) Open(name string) (fsys.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter(Open, name); err != nil {
		return nil, err
	}
	n := d.names[name]
	if n == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &handle{d, n, name, d.life}, nil
}

// Rename implements fsys.FS.
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter(Rename, from); err != nil {
		return err
	}
	n := d.names[from]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	d.move(move{set: to, node: n, remove: from})
	return nil
}

// Remove implements fsys.FS.
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter(Remove, name); err != nil {
		return err
	}
	if d.names[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	d.move(move{remove: name})
	return nil
}

// SyncDir implements fsys.FS.
func (d *Disk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter(SyncDir, dir); err != nil || d.Lie {
		return err
	}
	left := d.moves[:0]
	for _, m := range d.moves {
		if filepath.Dir(cmp.Or(m.set, m.remove)) == dir {
			m.apply(d.saved)
		} else {
			left = append(left, m)
		}
	}
	d.moves = left
	return nil
}
