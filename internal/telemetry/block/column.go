package block

import (
	"encoding/binary"
	"fmt"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// column is a key's values.
type column struct {
	raw     []byte
	offsets []uint32 // of the values in raw; one more than there are values
	codes   []uint32 // in the order of the rows that have the key, and of the places in them
	cache   []signal.Value
	cached  []bool
}

// cacheMost is how many values a column may have to keep those that were made.
const cacheMost = 4096

func (c *column) len() int { return len(c.offsets) - 1 }

// value makes one. What it returns does not hold on to the column.
func (c *column) value(code uint32) signal.Value {
	if len(c.cached) > 0 && c.cached[code] {
		return c.cache[code]
	}
	p := parser{b: c.raw[c.offsets[code]:c.offsets[code+1]]}
	v := p.value()
	if len(c.cached) > 0 {
		c.cache[code], c.cached[code] = v, true
	}
	return v
}

// values reads the distinct values of a column; nil: the block has none such.
func (r *Reader) values(name string) (*column, error) {
	if c, ok := r.columns[name]; ok {
		return c, nil
	}
	f, err := r.loadFooter()
	if err != nil {
		return nil, err
	}
	number, ok := f.columns[name]
	if !ok {
		return nil, nil //nolint:nilnil // as it says
	}
	s := f.sections[number]
	b, err := s.read(r.r)
	if err != nil {
		return nil, err
	}
	p := parser{b: b}
	n := p.count(2)
	c := &column{raw: b, offsets: make([]uint32, n+1)}
	at := len(b) - len(p.b)
	for i := range n {
		c.offsets[i] = uint32(at)
		if at = skipValue(b, at); at < 0 {
			break
		}
	}
	if p.bad || at != len(b) {
		return nil, s.wrong("its values do not fit")
	}
	c.offsets[n] = uint32(at)
	if n <= cacheMost {
		c.cache, c.cached = make([]signal.Value, n), make([]bool, n)
	}
	r.columns[name] = c
	return c, nil
}

// skipValue returns the place behind a value, whose type it checks; below 0: it is
// not one.
func skipValue(b []byte, at int) int {
	if at >= len(b) {
		return -1
	}
	kind := signal.Type(b[at])
	at++
	switch kind {
	case signal.String, signal.JSON:
		n, next := uvarintAt(b, at)
		if next < 0 || n > uint64(len(b)-next) {
			return -1
		}
		at = next + int(n)
	case signal.Int:
		_, at = uvarintAt(b, at)
	case signal.Double:
		at += 8
	case signal.Bool:
		at++
	default:
		return -1
	}
	if at > len(b) {
		return -1
	}
	return at
}

// uvarintAt reads a number, and returns the place behind it; below 0: it is none.
func uvarintAt(b []byte, at int) (uint64, int) {
	if at < len(b) && b[at] < 0x80 {
		return uint64(b[at]), at + 1
	}
	if at >= len(b) {
		return 0, -1
	}
	n, used := binary.Uvarint(b[at:])
	if used <= 0 {
		return 0, -1
	}
	return n, at + used
}

// uvarints reads so many numbers, and returns what follows them.
func uvarints(b []byte, n int) (numbers []uint64, rest []byte, err error) {
	if n > len(b) {
		return nil, nil, ErrFormat
	}
	numbers = make([]uint64, n)
	at := 0
	for i := range numbers {
		if numbers[i], at = uvarintAt(b, at); at < 0 {
			return nil, nil, ErrFormat
		}
	}
	return numbers, b[at:], nil
}

// column reads a column and the rows' codes.
func (r *Reader) column(name string) (*column, error) {
	c, err := r.values(name)
	if err != nil || c == nil || c.codes != nil {
		return c, err
	}
	s := r.footer.sections[r.footer.columns[name]+1]
	b, err := s.read(r.r)
	if err != nil {
		return nil, err
	}
	n := r.occurrences(name)
	codes, err := planes(b, n, c.len())
	if err != nil {
		return nil, s.wrong("its length does not fit")
	}
	next := uint32(0)
	for i, code := range codes {
		if code == 0 {
			code = next
			next++
		} else {
			code--
		}
		if code >= next || int(next) > c.len() {
			return nil, s.wrong("a row's value does not fit")
		}
		codes[i] = code
	}
	c.codes = codes
	return c, nil
}

// occurrences counts the values that the rows have in a column.
func (r *Reader) occurrences(name string) int {
	per := r.perTemplate(name)
	n := 0
	for _, t := range r.rows {
		n += int(per[t])
	}
	return n
}

// perTemplate returns how often a column is in each template's shape.
func (r *Reader) perTemplate(name string) []uint32 {
	inShape := make([]uint32, len(r.table.shapes))
	for i, shape := range r.table.shapes {
		for _, key := range shape {
			if r.table.keys[key] == name {
				inShape[i]++
			}
		}
	}
	per := make([]uint32, len(r.table.templates))
	for i, t := range r.table.templates {
		per[i] = inShape[t.shape]
	}
	return per
}

// mustColumn is column, where a shape has it.
func (r *Reader) mustColumn(name string) (*column, error) {
	c, err := r.column(name)
	if err == nil && c == nil {
		err = fmt.Errorf("column %q is missing: %w", name, ErrFormat)
	}
	return c, err
}
