package hpack

import (
	"github.com/banyanrun/banyan/internal/proxy/message"
)

const (
	// TableSize is the largest dynamic table that is kept, in bytes as RFC 7541
	// section 4.1 counts them.
	TableSize = 4096
	// Overhead is what each field counts beyond its text (RFC 7541 section 4.1).
	Overhead = 32

	maxEntries = TableSize / Overhead // a power of two
)

// entry is a field of a dynamic table. Its name and value lie in the table's text, one after the other.
type entry struct {
	at          uint32 // where the name starts, counted from the first octet ever
	name, value uint16 // lengths, at most TableSize
	meta        meta
}

// meta is what is known of a field's text.
type meta struct {
	id                message.ID
	pseudo            Pseudo
	badName, badValue bool
}

// table is a dynamic table (RFC 7541 section 2.3.2). Entries have numbers: the
// first that was ever inserted is 0. Text is appended to a buffer of twice the
// table's size and moved to its front when that is full: once for each
// TableSize bytes that were inserted.
type table struct {
	max, size   int
	first, next uint32 // numbers of the oldest entry, and of the one to come
	ring        *[maxEntries]entry
	text        []byte
	base        uint32 // the place of text[0], counted from the first octet ever
}

func (t *table) len() int { return int(t.next - t.first) }

func (t *table) entry(number uint32) *entry { return &t.ring[number%maxEntries] }

// textOf returns an entry's name and value, valid until the next insertion.
func (t *table) textOf(e *entry) (name, value []byte) {
	p := t.text[e.at-t.base:]
	end := int(e.name) + int(e.value)
	return p[:e.name:e.name], p[e.name:end:end]
}

// insert makes a field the newest entry; name and value must not lie in the
// table. One that is larger than the table empties it (RFC 7541 section 4.4).
func (t *table) insert(name, value []byte, m meta) {
	length := len(name) + len(value)
	t.evict(t.max - length - Overhead)
	if length+Overhead > t.max {
		return
	}
	if t.ring == nil {
		t.ring = new([maxEntries]entry)
	}
	if len(t.text)+length > 2*TableSize {
		t.compact()
	}
	*t.entry(t.next) = entry{
		at: t.base + uint32(len(t.text)), name: uint16(len(name)), value: uint16(len(value)), meta: m,
	}
	t.text = append(append(t.text, name...), value...)
	t.next++
	t.size += length + Overhead
}

// evict removes the oldest entries until no more than size bytes are left.
func (t *table) evict(size int) {
	for t.size > size && t.first != t.next {
		e := t.entry(t.first)
		t.size -= int(e.name) + int(e.value) + Overhead
		t.first++
	}
}

// compact moves the text that is in use to the buffer's front.
func (t *table) compact() {
	from := len(t.text)
	if t.first != t.next {
		from = int(t.entry(t.first).at - t.base)
	}
	t.text = t.text[:copy(t.text, t.text[from:])]
	t.base += uint32(from)
}

func (t *table) setMax(size int) {
	t.max = size
	t.evict(size)
}
