package main

import (
	"slices"
	"sync"
	"syscall"
	"time"
)

// written is how much of a file may wait for a sync; what is more goes to the disk
// by itself, as the kernel sees to in its own time.
const written = 16 << 20

// disk is a file system in memory, as programs see it and as a loss of power would
// leave it. Methods may be called concurrently.
type disk struct {
	lie bool // syncs do nothing

	mu    sync.Mutex
	off   bool // power is off: no sync succeeds
	last  uint64
	root  *node
	moves []move // of names, that no sync has made last, in their order
}

// attr is what a file is but for what is in it.
type attr struct {
	mode     uint32
	uid, gid uint32
	changed  time.Time
}

// image is the content of a node.
type image struct {
	attr
	data  []byte // of a file, or where a link leads
	names map[string]*node
}

// node is a file, a directory or a link.
type node struct {
	number  uint64
	now     image   // as programs see it
	saved   image   // as a loss of power would leave it
	pending []write // from the second to the first
	waiting int     // bytes in those
}

// write is one of content; at cut the file ends at, where data is nil.
type write struct {
	at   int64
	data []byte
	cut  bool
}

// place is a name in a directory.
type place struct {
	dir  *node
	name string
}

// move sets a name, removes one, or both at once.
type move struct {
	set, remove place
	node        *node
}

func newDisk(lie bool) *disk {
	d := &disk{lie: lie}
	d.root = d.make(attr{mode: syscall.S_IFDIR | 0o755})
	d.root.saved = image{attr: d.root.now.attr, names: map[string]*node{}}
	return d
}

// make must be called with mu held, or before anybody else knows the disk.
func (d *disk) make(a attr) *node {
	d.last++
	a.changed = time.Now()
	n := &node{number: d.last, now: image{attr: a}, saved: image{attr: a}}
	if a.mode&syscall.S_IFMT == syscall.S_IFDIR {
		n.now.names, n.saved.names = map[string]*node{}, map[string]*node{}
	}
	return n
}

func (d *disk) move(m move) {
	m.apply(func(n *node) *image { return &n.now })
	d.moves = append(d.moves, m)
}

func (m move) apply(image func(*node) *image) {
	if m.remove.dir != nil {
		delete(image(m.remove.dir).names, m.remove.name)
	}
	if m.set.dir != nil {
		image(m.set.dir).names[m.set.name] = m.node
	}
}

func saved(n *node) *image { return &n.saved }

// lookup returns what has a name; nil: nothing has.
func (d *disk) lookup(dir *node, name string) *node {
	d.mu.Lock()
	defer d.mu.Unlock()
	return dir.now.names[name]
}

// list returns the names of a directory, sorted.
func (d *disk) list(dir *node) (names []string, nodes []*node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range dir.now.names {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		nodes = append(nodes, dir.now.names[name])
	}
	return names, nodes
}

// create makes a node, which holds data if it is a link.
func (d *disk) create(dir *node, name string, a attr, link string) (*node, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if dir.now.names[name] != nil {
		return nil, syscall.EEXIST
	}
	n := d.make(a)
	n.now.data, n.saved.data = []byte(link), []byte(link)
	d.move(move{set: place{dir, name}, node: n})
	return n, 0
}

func (d *disk) remove(dir *node, name string) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch n := dir.now.names[name]; {
	case n == nil:
		return syscall.ENOENT
	case len(n.now.names) > 0:
		return syscall.ENOTEMPTY
	}
	d.move(move{remove: place{dir, name}})
	return 0
}

func (d *disk) rename(from, to place) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := from.dir.now.names[from.name]
	if n == nil {
		return syscall.ENOENT
	}
	if old := to.dir.now.names[to.name]; old != nil && len(old.now.names) > 0 {
		return syscall.ENOTEMPTY
	}
	d.move(move{set: to, remove: from, node: n})
	return 0
}

func (d *disk) read(n *node, to []byte, at int64) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if at >= int64(len(n.now.data)) {
		return nil
	}
	return to[:copy(to, n.now.data[at:])]
}

func (d *disk) write(n *node, data []byte, at int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.change(n, write{at: at, data: slices.Clone(data)})
}

func (d *disk) truncate(n *node, size int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.change(n, write{at: size, cut: true})
}

// change must be called with mu held.
func (d *disk) change(n *node, w write) {
	n.now.put(w)
	n.now.changed = time.Now()
	n.pending = append(n.pending, w)
	n.waiting += len(w.data)
	if n.waiting > written {
		n.settle()
	}
}

// put changes a file's content.
func (i *image) put(w write) {
	end := w.at + int64(len(w.data))
	if w.cut && end < int64(len(i.data)) {
		i.data = i.data[:end:end]
	}
	if more := end - int64(len(i.data)); more > 0 {
		i.data = append(i.data, make([]byte, more)...)
	}
	copy(i.data[w.at:], w.data)
}

// attr returns a node's attributes and size.
func (d *disk) attr(n *node) (a attr, size int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return n.now.attr, len(n.now.data)
}

func (d *disk) setAttr(n *node, change func(*attr)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&n.now.attr)
}

// sync makes what was written to a file last, or the names of a directory. That a
// file is there at all only the sync of its directory makes last.
func (d *disk) sync(n *node) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return syscall.EIO
	}
	if d.lie {
		return 0
	}
	n.settle()
	n.saved.attr = n.now.attr
	if n.now.names == nil {
		return 0
	}
	left := d.moves[:0]
	for _, m := range d.moves {
		if m.set.dir == n || m.remove.dir == n {
			m.apply(saved)
		} else {
			left = append(left, m)
		}
	}
	clear(d.moves[len(left):])
	d.moves = left
	return 0
}

func (n *node) settle() {
	for _, w := range n.pending {
		n.saved.put(w)
	}
	n.pending, n.waiting = nil, 0
}
