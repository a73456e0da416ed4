package hpack

import (
	"errors"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// Errors of a block. Each is a connection's COMPRESSION_ERROR: the table is lost.
var (
	errTruncated = errors.New("hpack: the block ends within a field")
	errInteger   = errors.New("hpack: an integer is too large")
	errIndex     = errors.New("hpack: an index beyond the table")
	errHuffman   = errors.New("hpack: wrong Huffman padding")
	errUpdate    = errors.New("hpack: a table size update that is too large or in the wrong place")
)

// Field is a decoded field. The Name of a pseudo-header field may be gone by the
// next call of Next; other text is valid until the Head is reset that the block
// is decoded into.
type Field struct {
	Name, Value []byte
	ID          message.ID
	Pseudo      Pseudo
	BadName     bool // not a token in lower case; false for a pseudo-header field
	BadValue    bool // control characters, or white space at an end
	Never       bool // the sender forbids indexing (RFC 7541 section 7.1.3)
}

// Decoder decodes header blocks. The zero value is ready for use.
type Decoder struct {
	table   table
	started bool // table.max is set

	p       []byte
	h       *message.Head // nil: fields are dropped
	left    int           // how much more the list may be
	over    bool
	fields  bool   // a field was seen in this block
	scratch []byte // Huffman-decoded text of one field
}

// Begin starts a block, whose text goes to h's arena. Of a list larger than
// limit bytes (text and [Overhead] of each field) the fields that fit are
// returned; the rest is decoded only for the table. So is all if h is nil.
func (d *Decoder) Begin(block []byte, h *message.Head, limit int) {
	if !d.started {
		d.started, d.table.max = true, TableSize
	}
	d.p, d.h, d.left, d.over, d.fields = block, h, limit, false, false
}

// Over reports whether the list is larger than the limit.
func (d *Decoder) Over() bool { return d.over }

// Drop lets Next return no more fields of this block.
func (d *Decoder) Drop() { d.h = nil }

// Next reads the next field into f; false: the block has ended. An error leaves
// the decoder unusable.
func (d *Decoder) Next(f *Field) (bool, error) {
	var r raw
	for len(d.p) > 0 {
		if d.p[0]&0xe0 == 0x20 {
			if err := d.update(); err != nil {
				return false, err
			}
			continue
		}
		d.fields = true
		if err := d.field(&r); err != nil {
			return false, err
		}
		if d.h == nil || d.over {
			continue
		}
		if d.left -= len(r.name) + len(r.value) + Overhead; d.left < 0 {
			d.over = true
			continue
		}
		d.take(f, &r)
		return true, nil
	}
	const keep = 4 << 10
	if d.p, d.h = nil, nil; cap(d.scratch) > keep {
		d.scratch = nil
	}
	return false, nil
}

// raw is a field whose text may lie anywhere.
type raw struct {
	name, value []byte
	meta        meta
	fixed       bool // the name is the static table's, and will stay
	fixedValue  bool // so is the value
	never       bool
}

// take moves a field's text to where it stays until the Head is reset.
func (d *Decoder) take(f *Field, r *raw) {
	f.ID, f.Pseudo, f.BadName, f.BadValue, f.Never = r.meta.id, r.meta.pseudo, r.meta.badName, r.meta.badValue, r.never
	switch {
	case r.fixed || r.meta.pseudo != Regular: // nobody looks at a pseudo-header field's name
		f.Name = r.name
	case r.meta.id != message.Other && !r.meta.badName:
		f.Name = r.meta.id.Lower()
	default:
		f.Name = d.h.Take(r.name)
	}
	if f.Value = r.value; !r.fixedValue {
		f.Value = d.h.Take(r.value)
	}
}

// update reads a change of the table's size (RFC 7541 section 6.3).
func (d *Decoder) update() error {
	size, err := d.integer(5)
	if err != nil {
		return err
	}
	if d.fields || size > TableSize {
		return errUpdate
	}
	d.table.setMax(size)
	return nil
}

// field reads a field (RFC 7541 sections 6.1 and 6.2).
func (d *Decoder) field(r *raw) error {
	b := d.p[0]
	r.never = b&0xf0 == 0x10
	switch {
	case b&0x80 != 0:
		i, err := d.integer(7)
		if err != nil {
			return err
		}
		return d.indexed(r, i)
	case b&0x40 != 0:
		err := d.literal(r, 6)
		if err == nil {
			d.table.insert(r.name, r.value, r.meta)
		}
		return err
	}
	return d.literal(r, 4)
}

// indexed reads the field at index i.
func (d *Decoder) indexed(r *raw, i int) error {
	if i == 0 || i > staticFields+d.table.len() {
		return errIndex
	}
	if i <= staticFields {
		f := &static[i]
		r.name, r.value, r.meta = f.Name, f.Value, meta{id: f.ID, pseudo: f.Pseudo}
		r.fixed, r.fixedValue = true, true
		return nil
	}
	e := d.table.entry(d.table.next - uint32(i-staticFields))
	r.name, r.value = d.table.textOf(e)
	r.meta, r.fixed, r.fixedValue = e.meta, false, false
	return nil
}

// literal reads a field whose name has an index of so many bits, or follows.
func (d *Decoder) literal(r *raw, prefix int) error {
	i, err := d.integer(prefix)
	if err != nil {
		return err
	}
	d.scratch = d.scratch[:0]
	if i == 0 {
		if r.name, err = d.text(); err != nil {
			return err
		}
		r.meta = meta{id: message.Identify(r.name), pseudo: pseudo(r.name)}
		r.meta.badName = r.meta.pseudo == Regular && !validName(r.name)
		r.fixed = false
	} else {
		if err = d.indexed(r, i); err != nil {
			return err
		}
		if !r.fixed { // an insertion may move the table's text
			d.scratch = append(d.scratch, r.name...)
			r.name = d.scratch
		}
	}
	if r.value, err = d.text(); err != nil {
		return err
	}
	r.fixedValue, r.meta.badValue = false, !validValue(r.value)
	return nil
}

// text reads a string (RFC 7541 section 5.2). It lies in the block, or in scratch after what is there.
func (d *Decoder) text() ([]byte, error) {
	if len(d.p) == 0 {
		return nil, errTruncated
	}
	encoded := d.p[0]&0x80 != 0
	n, err := d.integer(7)
	if err != nil {
		return nil, err
	}
	if n > len(d.p) {
		return nil, errTruncated
	}
	p := d.p[:n:n]
	d.p = d.p[n:]
	if !encoded {
		return p, nil
	}
	at := len(d.scratch)
	d.scratch, err = appendHuffman(d.scratch, p)
	return d.scratch[at:len(d.scratch):len(d.scratch)], err
}

// integer reads an integer with a prefix of so many bits (RFC 7541 section
// 5.1), of at most 28 bits and five octets beyond the prefix.
func (d *Decoder) integer(prefix int) (int, error) {
	mask := 1<<prefix - 1
	v := int(d.p[0]) & mask
	d.p = d.p[1:]
	if v < mask {
		return v, nil
	}
	for shift := 0; shift < 35; shift += 7 {
		if len(d.p) == 0 {
			return 0, errTruncated
		}
		b := int(d.p[0])
		d.p = d.p[1:]
		if v += (b & 0x7f) << shift; v > 1<<28 {
			return 0, errInteger
		}
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, errInteger
}
