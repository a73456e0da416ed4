package block

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// A block's first and last bytes, and its version.
const (
	magicFirst = "banyanb1"
	magicLast  = "1bnaynab"
	trailer    = 24
)

// Bounds of what is read, so that bytes that are not a block's cost little.
const (
	mostRows    = 1 << 20
	mostSection = 128 << 20
)

// ErrFormat is what bytes are that are not what a Builder wrote.
var ErrFormat = errors.New("what is stored is not what was written")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var order = binary.LittleEndian

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// Kind is what a block holds.
type Kind uint8

// The kinds of blocks.
const (
	Spans Kind = 1
	Logs  Kind = 2
)

// sectionType says what a section holds.
type sectionType uint64

const (
	secTable      sectionType = iota + 1 // resources, scopes, names, keys, shapes, templates
	secRows                              // each row's template
	secTimes                             // starts
	secDurations                         // of spans
	secIDs                               // of spans
	secParents                           // of spans
	secTraceIDs                          // of spans: sorted
	secTraces                            // of spans: a summary each
	secValues                            // a key's distinct values
	secCodes                             // a key's values, row by row
	secTraceBloom                        // trace ids
	secValueBloom                        // fields with their values
	secWordBloom                         // words of logs' texts

	secLast = secWordBloom
)

// Columns that are no attributes. Keys of attributes that begin with a zero byte
// have one more in front.
const (
	keyMessage = "\x00message"
	keyState   = "\x00state"
	keyEvents  = "\x00events"
	keyLinks   = "\x00links"
	keyText    = "\x00text"
	keyTrace   = "\x00trace" // of logs: 16 bytes
	keySpan    = "\x00span"  // of logs: 8 bytes
)

func columnOf(key string) string {
	if key != "" && key[0] == 0 {
		return "\x00" + key
	}
	return key
}

// keyOf is the opposite of columnOf; false: the column is none of an attribute.
func keyOf(column string) (string, bool) {
	if column == "" || column[0] != 0 {
		return column, true
	}
	return column[1:], len(column) > 1 && column[1] == 0
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendValue(b []byte, v signal.Value) []byte {
	b = append(b, byte(v.Type))
	switch v.Type {
	case signal.Int:
		return binary.AppendVarint(b, int64(v.Num))
	case signal.Double:
		return order.AppendUint64(b, v.Num)
	case signal.Bool:
		return append(b, byte(v.Num))
	case signal.String, signal.JSON:
	}
	return appendText(b, v.Text)
}

func appendAttrs(b []byte, attrs signal.Attrs) []byte {
	b = binary.AppendUvarint(b, uint64(len(attrs)))
	for i := range attrs {
		b = appendText(b, attrs[i].Key)
		b = appendValue(b, attrs[i].Value)
	}
	return b
}

// parser reads what the functions above wrote. After something that is not what
// they write it is bad, and returns zeros.
type parser struct {
	b   []byte
	bad bool
}

func (p *parser) fail() { p.bad, p.b = true, nil }

func (p *parser) err() error {
	if p.bad {
		return ErrFormat
	}
	return nil
}

func (p *parser) number() uint64 {
	if len(p.b) > 0 && p.b[0] < 0x80 {
		n := uint64(p.b[0])
		p.b = p.b[1:]
		return n
	}
	n, used := binary.Uvarint(p.b)
	if used <= 0 {
		p.fail()
		return 0
	}
	p.b = p.b[used:]
	return n
}

func (p *parser) signed() int64 {
	n := p.number()
	return int64(n>>1) ^ -int64(n&1)
}

// length is a number that is not too large for an int64.
func (p *parser) length() int64 {
	n := p.number()
	if n > math.MaxInt64 {
		p.fail()
		return 0
	}
	return int64(n)
}

// index is a number below n.
func (p *parser) index(n int) uint32 {
	i := p.number()
	if i >= uint64(n) || i > math.MaxUint32 {
		p.fail()
		return 0
	}
	return uint32(i)
}

// count is a number of things that take up at least so many bytes each.
func (p *parser) count(least int) int {
	n := p.number()
	if n > uint64(len(p.b)/least) {
		p.fail()
		return 0
	}
	return int(n)
}

func (p *parser) bytes(n int) []byte {
	if n > len(p.b) {
		p.fail()
		return nil
	}
	b := p.b[:n]
	p.b = p.b[n:]
	return b
}

func (p *parser) raw() []byte { return p.bytes(p.count(1)) }

func (p *parser) text() string { return string(p.raw()) }

func (p *parser) byte() byte {
	b := p.bytes(1)
	if b == nil {
		return 0
	}
	return b[0]
}

func (p *parser) value() signal.Value {
	v := signal.Value{Type: signal.Type(p.byte())}
	switch v.Type {
	case signal.String, signal.JSON:
		v.Text = p.text()
	case signal.Int:
		v.Num = uint64(p.signed())
	case signal.Double:
		if b := p.bytes(8); b != nil {
			v.Num = order.Uint64(b)
		}
	case signal.Bool:
		v.Num = uint64(p.byte() & 1)
	default:
		p.fail()
	}
	return v
}

func (p *parser) attrs() signal.Attrs {
	n := p.count(3)
	if n == 0 {
		return nil
	}
	attrs := make(signal.Attrs, n)
	for i := range attrs {
		attrs[i] = signal.Attr{Key: p.text(), Value: p.value()}
	}
	return attrs
}
