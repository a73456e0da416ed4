package block

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Meta is what is known of a block without reading its columns.
type Meta struct {
	Kind Kind
	Rows int
	// Traces of spans. Errors: spans whose status is an error, or logs of that severity or more.
	Traces, Errors int
	// The least and the greatest start, and the greatest end, in nanoseconds since
	// 1970; of logs, end is start.
	MinTime, MaxTime, MaxEnd int64
	MaxDuration              int64
	MaxSeverity              signal.Severity
	// Taken is when the last of them was taken in, by the clock of who did; 0: not known.
	Taken int64
	// Services whose records they are; none: there are too many to tell.
	Services []string
}

// servicesKept is how many names of services are kept in memory. Of a block with more
// it is not known there whose records it has.
const servicesKept = 256

// Block is what is kept of a block's file in memory: what all blocks have, and where
// the footer is. Where the columns are is read as it is needed: their names are the
// services' to choose, and can be as many as there are values.
type Block struct {
	meta   Meta
	fixed  []section // without columns
	footer section
}

// footer is what the end of a block's file says.
type footer struct {
	meta     Meta
	sections []section
	columns  map[string]uint32 // of values; its codes are next
}

// Meta returns what is known of the block.
func (b *Block) Meta() Meta { return b.meta }

func (m *Meta) append(b []byte) []byte {
	b = append(b, byte(m.Kind))
	for _, n := range []int{m.Rows, m.Traces, m.Errors} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendVarint(b, m.MinTime)
	b = binary.AppendVarint(b, m.MaxTime)
	b = binary.AppendVarint(b, m.MaxEnd)
	b = binary.AppendVarint(b, m.MaxDuration)
	b = append(b, byte(m.MaxSeverity))
	b = binary.AppendUvarint(b, uint64(len(m.Services)))
	for _, s := range m.Services {
		b = appendText(b, s)
	}
	return b
}

func (p *parser) meta() Meta {
	m := Meta{Kind: Kind(p.byte())}
	m.Rows = int(p.index(mostRows + 1))
	m.Traces = int(p.index(m.Rows + 1))
	m.Errors = int(p.index(m.Rows + 1))
	m.MinTime, m.MaxTime, m.MaxEnd, m.MaxDuration = p.signed(), p.signed(), p.signed(), p.signed()
	m.MaxSeverity = signal.Severity(p.byte())
	m.Services = p.list()
	if m.Rows == 0 || m.Kind != Spans && m.Kind != Logs || m.Kind == Spans && m.Traces == 0 {
		p.fail()
	}
	return m
}

func (s section) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(s.kind))
	b = appendText(b, s.key)
	b = binary.AppendUvarint(b, uint64(s.offset))
	b = binary.AppendUvarint(b, uint64(s.length))
	b = binary.AppendUvarint(b, uint64(s.raw))
	b = append(b, s.codec)
	return order.AppendUint32(b, s.sum)
}

// section reads one that lies before end.
func (p *parser) section(end int64) section {
	s := section{kind: sectionType(p.number()), key: p.text(), offset: p.length(), length: p.length(), raw: p.length(), codec: p.byte()}
	if b := p.bytes(4); b != nil {
		s.sum = order.Uint32(b)
	}
	switch {
	case s.offset > end || s.length > end-s.offset || s.length > mostSection || s.raw > mostSection:
		p.fail()
	case s.codec == codecRaw && s.raw != s.length, s.codec == codecZstd && s.raw > s.length<<16, s.codec > codecZstd:
		// zstd makes at most 128 KiB of four bytes.
		p.fail()
	}
	return s
}

// Open reads the footer of a block's file of the given size.
func Open(r io.ReaderAt, size int64) (*Block, error) {
	if size < int64(len(magicFirst))+trailer {
		return nil, fmt.Errorf("it has only %d bytes: %w", size, ErrFormat)
	}
	var first [8]byte
	var last [trailer]byte
	if err := readAt(r, first[:], 0); err != nil {
		return nil, err
	}
	if err := readAt(r, last[:], size-trailer); err != nil {
		return nil, err
	}
	if string(first[:]) != magicFirst || string(last[16:]) != magicLast {
		return nil, fmt.Errorf("it does not begin or end as a block does: %w", ErrFormat)
	}
	length := int64(order.Uint32(last[:]))
	if order.Uint32(last[12:]) != checksum(last[:12]) || length > size-trailer-8 || length > mostSection {
		return nil, fmt.Errorf("its last %d bytes: %w", trailer, ErrFormat)
	}
	at := section{offset: size - trailer - length, length: length, raw: length, sum: order.Uint32(last[4:])}
	data, err := at.read(r)
	if err != nil {
		return nil, fmt.Errorf("its footer of %d bytes: %w", length, err)
	}
	f, err := parseFooter(data, at.offset)
	if err != nil {
		return nil, err
	}
	return f.block(at), nil
}

// block is what is kept of a footer that is there.
func (f *footer) block(at section) *Block {
	b := &Block{meta: f.meta, footer: at}
	if len(f.meta.Services) > servicesKept {
		b.meta.Services = nil
	}
	for _, s := range f.sections {
		if s.kind != secValues && s.kind != secCodes && s.kind <= secLast && b.section(s.kind).length == 0 {
			b.fixed = append(b.fixed, s)
		}
	}
	return b
}

// parseFooter reads one that stands at a place in the file.
func parseFooter(data []byte, at int64) (*footer, error) {
	p := parser{b: data}
	f := &footer{meta: p.meta(), columns: map[string]uint32{}}
	f.sections = make([]section, p.count(10))
	for i := range f.sections {
		s := p.section(at)
		f.sections[i] = s
		if s.kind != secValues {
			continue
		}
		if _, twice := f.columns[s.key]; twice || i+1 == len(f.sections) {
			p.fail()
		}
		f.columns[s.key] = uint32(i)
	}
	if len(p.b) > 0 { // older ones end here
		f.meta.Taken = p.signed()
	}
	if err := p.err(); err != nil {
		return nil, fmt.Errorf("its footer: %w", err)
	}
	for _, i := range f.columns {
		if next := f.sections[i+1]; next.kind != secCodes || next.key != f.sections[i].key {
			return nil, fmt.Errorf("its footer has a column %q without rows: %w", f.sections[i].key, ErrFormat)
		}
	}
	return f, nil
}

// section returns that of a type without columns; one without length: there is none.
func (b *Block) section(kind sectionType) section {
	for _, s := range b.fixed {
		if s.kind == kind {
			return s
		}
	}
	return section{kind: kind}
}
