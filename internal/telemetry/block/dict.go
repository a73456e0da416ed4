package block

import (
	"hash/maphash"
	"strings"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

var seed = maphash.MakeSeed()

// dict numbers distinct values from 0, in the order in which they come. A table of
// numbers costs a fifth of the memory of a map.
type dict struct {
	values []signal.Value
	table  []uint32 // a number plus one, or 0; open addressing, at most half full
	bytes  int64
}

func slotOf(v *signal.Value) uint64 {
	if v.Text != "" {
		return maphash.String(seed, v.Text) + uint64(v.Type)
	}
	return mix(v.Num + uint64(v.Type)<<56)
}

// add returns a value's number. The value's text is copied: it may be a part of
// something large.
func (d *dict) add(v *signal.Value) uint32 {
	if 2*len(d.values) >= len(d.table) {
		d.grow()
	}
	mask := uint64(len(d.table) - 1)
	at := slotOf(v) & mask
	for ; d.table[at] != 0; at = (at + 1) & mask {
		if n := d.table[at] - 1; d.values[n] == *v {
			return n
		}
	}
	kept := *v
	kept.Text = strings.Clone(v.Text)
	d.values = append(d.values, kept)
	d.bytes += int64(len(v.Text)) + 48
	d.table[at] = uint32(len(d.values))
	return d.table[at] - 1
}

// find returns a value's number; false: it is not there.
func (d *dict) find(v *signal.Value) (uint32, bool) {
	if len(d.table) == 0 {
		return 0, false
	}
	mask := uint64(len(d.table) - 1)
	for at := slotOf(v) & mask; d.table[at] != 0; at = (at + 1) & mask {
		if n := d.table[at] - 1; d.values[n] == *v {
			return n, true
		}
	}
	return 0, false
}

func (d *dict) grow() {
	d.table = make([]uint32, max(8, 2*len(d.table)))
	mask := uint64(len(d.table) - 1)
	for i := range d.values {
		at := slotOf(&d.values[i]) & mask
		for d.table[at] != 0 {
			at = (at + 1) & mask
		}
		d.table[at] = uint32(i) + 1
	}
}

// texts is a dict of texts that are few, such as keys.
type texts struct {
	all    []string
	number map[string]uint32
}

func (t *texts) add(s string) uint32 {
	if n, ok := t.number[s]; ok {
		return n
	}
	if t.number == nil {
		t.number = map[string]uint32{}
	}
	n := uint32(len(t.all))
	s = strings.Clone(s)
	t.all = append(t.all, s)
	t.number[s] = n
	return n
}
