package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
)

// sector is what a disk writes whole or not at all, in bytes.
const sector = 512

// loss is what is lost of what was not synced.
type loss struct {
	random *rand.Rand
	all    bool // everything
	names  bool // no name is lost, whatever becomes of content: a file system that keeps a journal of names

	lostWrites, lostNames, kept, files int
}

func (l *loss) String() string {
	return fmt.Sprintf("%d files; lost: %d writes, %d names; kept unsynced: %d", l.files, l.lostWrites, l.lostNames, l.kept)
}

// lose switches the power of a disk off, and returns the disk as it is when power
// is back: what was synced, and of the rest what the seed says. No sync of the old
// one succeeds any more.
func (d *disk) lose(seed uint64) (*disk, *loss) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = true
	l := &loss{random: rand.New(rand.NewPCG(seed, 0))} //nolint:gosec // the same seed must destroy the same
	switch l.random.IntN(3) {
	case 0:
		l.all = true
	case 1:
		l.names = true
	}
	for _, m := range d.moves {
		if !l.all && (l.names || l.random.IntN(2) == 0) {
			m.apply(saved)
			l.kept++
		} else {
			l.lostNames++
		}
	}
	fresh := &disk{lie: d.lie, last: d.last}
	fresh.root = l.copy(d.root, map[*node]*node{})
	return fresh, l
}

// copy returns what is left of a node, and of what is below it, in the order of names.
func (l *loss) copy(n *node, done map[*node]*node) *node {
	if c := done[n]; c != nil {
		return c
	}
	l.files++
	l.content(n)
	c := &node{number: n.number, saved: n.saved}
	done[n] = c
	if n.saved.names != nil {
		c.saved.names = map[string]*node{}
		for _, name := range slices.Sorted(maps.Keys(n.saved.names)) {
			c.saved.names[name] = l.copy(n.saved.names[name], done)
		}
	}
	c.saved.data = slices.Clone(n.saved.data)
	c.now = c.saved
	c.now.data, c.now.names = slices.Clone(c.saved.data), maps.Clone(c.saved.names)
	return c
}

// content loses all that is pending, none of it, all but a beginning, or any sectors.
func (l *loss) content(n *node) {
	if n.now.attr != n.saved.attr && !l.all && l.random.IntN(2) == 0 {
		n.saved.attr = n.now.attr
	}
	if len(n.pending) == 0 {
		return
	}
	kind, whole := l.random.IntN(4), l.random.IntN(len(n.pending)+1)
	for i, w := range n.pending {
		switch {
		case l.all || kind == 0 || kind == 2 && i > whole:
			l.lostWrites++
		case kind == 1 || kind == 2 && i < whole || w.cut:
			l.kept++
			n.saved.put(w)
		default:
			l.lostWrites++
			l.tear(n, w)
		}
	}
}

// tear keeps some sectors of a write.
func (l *loss) tear(n *node, w write) {
	for len(w.data) > 0 {
		part := min(int64(len(w.data)), sector-w.at%sector)
		if l.random.IntN(2) == 0 {
			n.saved.put(write{at: w.at, data: w.data[:part]})
		}
		w.data, w.at = w.data[part:], w.at+part
	}
}
