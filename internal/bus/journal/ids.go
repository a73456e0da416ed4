package journal

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"sort"
	"sync"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/journal/fsys"
)

// An index file's layout, with the same conventions as a segment's:
//
//	magic 8 | number 8 | first 8 | last 8 | end 8 | newest 8 | until 8 | places 8 | ids 8
//	places: first offset 8 | where 8
//	filter: a line of 64 bytes for each 42 ids
//	the first 8 bytes of each block's first id
//	checksum of all that 4
//	blocks of 256 ids, sorted: id 16 | offset, from the first 4 | until, in seconds 4; and a checksum 4
//
// All but the blocks is held in memory: 1.6 bytes an id.
const (
	indexMagic  = "banyani1"
	indexFixed  = 72
	blockIDs    = 256
	idSize      = 24
	blockSize   = blockIDs*idSize + 4
	lineWords   = 8  // a cache line
	lineIDs     = 42 // 12 bits an id: one in a hundred is looked up in vain
	filterTests = 6
)

// past is a segment that is full, as far as deduplication goes. It outlives the
// segment's records when the window is longer than retention.
type past struct {
	number uint64
	until  int64
	ids    map[engine.ID]remembered // while there is no file
	file   *idFile
}

func (p *past) find(id engine.ID) (remembered, bool, error) {
	if p.file != nil {
		return p.file.find(id)
	}
	r, ok := p.ids[id]
	return r, ok, nil
}

// idFile is an index file that is open.
type idFile struct {
	first  uint64
	count  int
	filter filter
	firsts []uint64
	blocks int64 // where they begin

	block []byte // of the writer, which alone calls find

	mu   sync.Mutex
	file fsys.File // nil: closed
}

// indexBytesOf encodes what is known of a segment.
func indexBytesOf(number uint64, c *contents) []byte {
	ids := make([]engine.ID, 0, len(c.ids))
	for id := range c.ids {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b engine.ID) int { return bytes.Compare(a[:], b[:]) })
	b := append(make([]byte, 0, indexFixed+16*len(c.index)+28*len(ids)), indexMagic...)
	for _, n := range []uint64{number, c.first, c.last, uint64(c.end), uint64(c.newest), uint64(c.until), uint64(len(c.index)), uint64(len(ids))} {
		b = order.AppendUint64(b, n)
	}
	for _, p := range c.index {
		b = order.AppendUint64(b, p.first)
		b = order.AppendUint64(b, uint64(p.at))
	}
	f := newFilter(len(ids))
	for _, id := range ids {
		f.add(id)
	}
	for _, word := range f {
		b = order.AppendUint64(b, word)
	}
	for i := 0; i < len(ids); i += blockIDs {
		b = order.AppendUint64(b, prefix(ids[i]))
	}
	b = order.AppendUint32(b, checksum(b))
	for block := range slices.Chunk(ids, blockIDs) {
		start := len(b)
		for _, id := range block {
			r := c.ids[id]
			b = append(b, id[:]...)
			b = order.AppendUint32(b, uint32(r.offset-c.first))
			b = order.AppendUint32(b, uint32(min((r.until+999_999)/1_000_000, math.MaxUint32)))
		}
		b = order.AppendUint32(b, checksum(b[start:]))
	}
	return b
}

// openIndex reads an index file.
func openIndex(disk fsys.FS, name string, number uint64) (contents, *idFile, error) {
	file, err := disk.Open(name)
	if err != nil {
		return contents{}, nil, err
	}
	c, f, err := readIndex(file, number)
	if err != nil {
		_ = file.Close() // only read
		return contents{}, nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, f, nil
}

func readIndex(file fsys.File, number uint64) (c contents, f *idFile, err error) {
	size, err := file.Size()
	if err != nil {
		return c, nil, err
	}
	front := make([]byte, min(indexFixed, size))
	if _, err := file.ReadAt(front, 0); err != nil {
		return c, nil, err
	}
	if len(front) < indexFixed || string(front[:8]) != indexMagic || order.Uint64(front[8:]) != number {
		return c, nil, errFormat
	}
	u := func(i int) uint64 { return order.Uint64(front[8*i:]) }
	c = contents{first: u(2), last: u(3), end: int64(u(4)), newest: int64(u(5)), until: int64(u(6))}
	places, ids := u(7), u(8)
	if places > uint64(size) || ids > uint64(size) {
		return c, nil, errFormat
	}
	f = &idFile{first: c.first, count: int(ids), file: file, block: make([]byte, min(blockSize, int(ids)*idSize+4))}
	lines := len(newFilter(f.count))
	blocks := (f.count + blockIDs - 1) / blockIDs
	f.blocks = int64(indexFixed + 16*int(places) + 8*lines + 8*blocks + 4)
	if f.blocks+int64(f.count*idSize+4*blocks) != size {
		return c, nil, errFormat
	}
	front = make([]byte, f.blocks)
	if _, err := file.ReadAt(front, 0); err != nil {
		return c, nil, err
	}
	if checksum(front[:f.blocks-4]) != order.Uint32(front[f.blocks-4:]) {
		return c, nil, errFormat
	}
	rest := front[indexFixed:]
	word := func() uint64 {
		n := order.Uint64(rest)
		rest = rest[8:]
		return n
	}
	for range places {
		c.index = append(c.index, place{word(), int64(word())})
	}
	for range lines {
		f.filter = append(f.filter, word())
	}
	for range blocks {
		f.firsts = append(f.firsts, word())
	}
	return c, f, nil
}

func (f *idFile) find(id engine.ID) (remembered, bool, error) {
	if !f.filter.has(id) {
		return remembered{}, false, nil
	}
	want := prefix(id)
	last := sort.Search(len(f.firsts), func(i int) bool { return f.firsts[i] > want })
	first := sort.Search(len(f.firsts), func(i int) bool { return f.firsts[i] >= want })
	// Ids with an equal prefix may begin in the block before.
	for i := max(first-1, 0); i < last; i++ {
		r, ok, err := f.inBlock(i, id)
		if ok || err != nil {
			return r, ok, err
		}
	}
	return remembered{}, false, nil
}

func (f *idFile) inBlock(i int, id engine.ID) (remembered, bool, error) {
	b := f.block[:min(blockSize, (f.count-i*blockIDs)*idSize+4)]
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return remembered{}, false, nil // its time was over while it was asked
	}
	if _, err := f.file.ReadAt(b, f.blocks+int64(i)*blockSize); err != nil {
		return remembered{}, false, err
	}
	n := len(b) - 4
	if checksum(b[:n]) != order.Uint32(b[n:]) {
		return remembered{}, false, errFormat
	}
	at, ok := sort.Find(n/idSize, func(i int) int { return bytes.Compare(id[:], b[i*idSize:i*idSize+16]) })
	if !ok {
		return remembered{}, false, nil
	}
	e := b[at*idSize+16:]
	return remembered{f.first + uint64(order.Uint32(e)), int64(order.Uint32(e[4:])) * 1_000_000}, true, nil
}

func (f *idFile) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file != nil {
		_ = f.file.Close() // only read
		f.file = nil
	}
}

func prefix(id engine.ID) uint64 {
	var n uint64
	for _, b := range id[:8] {
		n = n<<8 | uint64(b)
	}
	return n
}

// filter is a Bloom filter whose bits for an id lie in one cache line
// (Putze, Sanders, Singler: Cache-, Hash- and Space-Efficient Bloom Filters, 2007).
// Ids are hashes, so their own bits choose.
type filter []uint64

func newFilter(ids int) filter { return make(filter, (ids/lineIDs+1)*lineWords) }

func (f filter) line(id engine.ID) []uint64 {
	n := prefix(id) % uint64(len(f)/lineWords)
	return f[n*lineWords : (n+1)*lineWords]
}

func (f filter) add(id engine.ID) {
	line, bits := f.line(id), order.Uint64(id[8:])
	for range filterTests {
		line[bits>>6&7] |= 1 << (bits & 63)
		bits >>= 9
	}
}

func (f filter) has(id engine.ID) bool {
	line, bits := f.line(id), order.Uint64(id[8:])
	for range filterTests {
		if line[bits>>6&7]&(1<<(bits&63)) == 0 {
			return false
		}
		bits >>= 9
	}
	return true
}
