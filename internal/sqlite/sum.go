package sqlite

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/banyanrun/banyan/internal/fault"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Sum is a CRC-32C of a row's columns, since SQLite has none of its pages. Columns
// are int64, string or []byte.
func Sum(columns ...any) uint32 {
	var sum uint32
	var b [9]byte
	put := func(kind byte, n int64) {
		b[0] = kind
		binary.LittleEndian.PutUint64(b[1:], uint64(n))
		sum = crc32.Update(sum, castagnoli, b[:])
	}
	for _, c := range columns {
		switch c := c.(type) {
		case int64:
			put('i', c)
		case string:
			put('s', int64(len(c)))
			sum = crc32.Update(sum, castagnoli, []byte(c))
		case []byte:
			put('b', int64(len(c)))
			sum = crc32.Update(sum, castagnoli, c)
		default:
			panic(fmt.Sprintf("sqlite: a column of type %T has no sum", c))
		}
	}
	return sum
}

// Check returns a fault.Damaged that names the row, unless the columns' sum is sum.
func (db *DB) Check(row string, sum uint32, columns ...any) error {
	if Sum(columns...) == sum {
		return nil
	}
	return fault.New(fault.Damaged, "%s does not match its checksum", row).At(db.path).Fix("%s", repair)
}
