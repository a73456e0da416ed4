package journal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// A segment's layout, little-endian; checksums are CRC-32C.
//
//	header  magic 8 | number 8 | size 8 | salt 8 | zero 28 | checksum of these 4
//	group   salt 8 | first offset 8 | records 4 | bytes of records, padded 4 | kind 4 | checksum of these 4
//	record  checksum of the offset and the rest 4 | bytes of the rest 4 | time 8 | dedup 8 | id 16 |
//	        key | number of attributes | their names and values | data
//
// The kind is 0, or 1 for a hole: its records are lost, as a person knows, and its
// bytes mean nothing. Groups and records begin at multiples of 8. Lengths within a record are
// uvarints. The salt is random, so no event can hold what looks like a group.
const (
	headerSize = 64
	groupSize  = 32
	recordSize = 40 // the fixed part
	magic      = "banyanj1"
	align      = 8
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errFormat  = errors.New("what is stored is not what was written")
	order      = binary.LittleEndian
)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// header is a segment's.
type header struct {
	number uint64
	size   int64
	salt   uint64
}

func (h header) bytes() []byte {
	b := append(make([]byte, 0, headerSize), magic...)
	b = order.AppendUint64(b, h.number)
	b = order.AppendUint64(b, uint64(h.size))
	b = order.AppendUint64(b, h.salt)
	b = b[:headerSize-4]
	return order.AppendUint32(b, checksum(b))
}

func parseHeader(b []byte) (header, bool) {
	if len(b) < headerSize || string(b[:8]) != magic || checksum(b[:headerSize-4]) != order.Uint32(b[headerSize-4:]) {
		return header{}, false
	}
	return header{number: order.Uint64(b[8:]), size: int64(order.Uint64(b[16:])), salt: order.Uint64(b[24:])}, true
}

// group is the header of one.
type group struct {
	first   uint64
	records uint32
	bytes   uint32
	hole    bool
}

func (g group) last() uint64 { return g.first + uint64(g.records) - 1 }

// put writes the header into its place, the first groupSize bytes of b.
func (g group) put(b []byte, salt uint64) {
	order.PutUint64(b, salt)
	order.PutUint64(b[8:], g.first)
	order.PutUint32(b[16:], g.records)
	order.PutUint32(b[20:], g.bytes)
	order.PutUint32(b[24:], 0)
	if g.hole {
		order.PutUint32(b[24:], 1)
	}
	order.PutUint32(b[28:], checksum(b[:28]))
}

func parseGroup(b []byte, salt uint64) (group, bool) {
	if len(b) < groupSize || order.Uint64(b) != salt || checksum(b[:28]) != order.Uint32(b[28:]) {
		return group{}, false
	}
	return group{first: order.Uint64(b[8:]), records: order.Uint32(b[16:]), bytes: order.Uint32(b[20:]), hole: order.Uint32(b[24:]) == 1}, true
}

// sizeOf returns at least what a record takes up, encoded.
func sizeOf(r *engine.Record) int {
	n := recordSize + 2*binary.MaxVarintLen32 + len(r.Key) + len(r.Data) + align
	for _, a := range r.Attrs {
		n += 2*binary.MaxVarintLen32 + len(a.Name) + len(a.Value)
	}
	return n
}

func appendRecord(b []byte, offset uint64, r *engine.Record) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	b = order.AppendUint64(b, uint64(r.Time.UnixMicro()))
	b = order.AppendUint64(b, uint64(r.Dedup))
	b = append(b, r.ID[:]...)
	b = appendText(b, r.Key)
	b = binary.AppendUvarint(b, uint64(len(r.Attrs)))
	for _, a := range r.Attrs {
		b = appendText(b, a.Name)
		b = appendText(b, a.Value)
	}
	b = append(b, r.Data...)
	order.PutUint32(b[start+4:], uint32(len(b)-start-8))
	order.PutUint32(b[start:], recordSum(offset, b[start+4:]))
	for len(b)%align != 0 {
		b = append(b, 0)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func recordSum(offset uint64, rest []byte) uint32 {
	var b [8]byte
	order.PutUint64(b[:], offset)
	return crc32.Update(checksum(b[:]), castagnoli, rest)
}

// cut returns the first record of b, checked, and what follows it.
func cut(b []byte, offset uint64) (record, rest []byte, err error) {
	if len(b) < recordSize {
		return nil, nil, errFormat
	}
	end := 8 + int64(order.Uint32(b[4:]))
	if end < recordSize || end > int64(len(b)) || recordSum(offset, b[4:end]) != order.Uint32(b) {
		return nil, nil, errFormat
	}
	return b[:end], b[min(pad(end), int64(len(b))):], nil
}

func pad(n int64) int64 { return (n + align - 1) &^ (align - 1) }

// Of a record that cut has checked.
func timeOf(record []byte) int64          { return int64(order.Uint64(record[8:])) }
func dedupOf(record []byte) time.Duration { return time.Duration(order.Uint64(record[16:])) }
func idOf(record []byte) engine.ID        { return engine.ID(record[24:40]) }

// until returns when the record's id is forgotten, in microseconds since 1970; 0: it is not remembered.
func until(micro int64, dedup time.Duration) int64 {
	if dedup <= 0 {
		return 0
	}
	return micro + dedup.Microseconds()
}

// decode copies a record that cut has checked.
func decode(record []byte, offset uint64) (engine.Stored, error) {
	s := engine.Stored{Position: engine.Position{Offset: offset}}
	s.ID, s.Time, s.Dedup = idOf(record), time.UnixMicro(timeOf(record)).UTC(), dedupOf(record)
	p := parser{b: record[recordSize:]}
	s.Key = p.text()
	if n := p.number(); n > 0 && n <= uint64(len(p.b)) {
		s.Attrs = make([]engine.Attr, n)
		for i := range s.Attrs {
			s.Attrs[i] = engine.Attr{Name: p.text(), Value: p.text()}
		}
	} else if n > 0 {
		return s, errFormat
	}
	if p.bad {
		return s, errFormat
	}
	s.Data = append([]byte(nil), p.b...)
	return s, nil
}

type parser struct {
	b   []byte
	bad bool
}

func (p *parser) number() uint64 {
	n, used := binary.Uvarint(p.b)
	if used <= 0 {
		p.bad, p.b = true, nil
		return 0
	}
	p.b = p.b[used:]
	return n
}

func (p *parser) text() string {
	n := p.number()
	if n > uint64(len(p.b)) {
		p.bad, p.b = true, nil
		return ""
	}
	s := string(p.b[:n])
	p.b = p.b[n:]
	return s
}
