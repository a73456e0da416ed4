package journal

import (
	"bytes"
	"testing"

	"github.com/banyanrun/banyan/internal/bus/journal/fsystest"
)

// Whatever a segment's file holds: what is read of it is what was written, or
// the topic stops. The input is written over a whole segment, some way in.
func FuzzSegment(f *testing.F) {
	h := header{number: 1, size: 2 << 10, salt: 0x1122334455667789}
	whole := append(h.bytes(), make([]byte, 2<<10-headerSize)...)
	at, next := headerSize, 1
	for _, records := range []int{1, 3, 2} {
		b := make([]byte, groupSize)
		g := group{first: uint64(next), records: uint32(records)}
		for range records {
			r := event(next)
			b = appendRecord(b, uint64(next), &r)
			next++
		}
		g.bytes = uint32(len(b) - groupSize)
		g.put(b, h.salt)
		at += copy(whole[at:], b)
	}
	f.Add(uint16(0), []byte{})
	f.Add(uint16(headerSize), make([]byte, groupSize))
	f.Add(uint16(headerSize+groupSize), []byte{1, 2, 3, 4, 0xff, 0xff, 0xff, 0x7f})
	f.Add(uint16(at), whole[headerSize:at])
	f.Add(uint16(headerSize), whole[headerSize:at-100])
	f.Fuzz(func(t *testing.T, at uint16, over []byte) {
		data := bytes.Clone(whole)
		copy(data[int(at)%len(data):], over)
		disk := fsystest.New(1)
		file, _ := disk.Create("/bus/t/00000001.seg")
		if _, err := file.WriteAt(data, 0); err != nil {
			t.Fatal(err)
		}
		j := openOn(t, disk)
		defer j.Close()
		if err := ensure(j); err != nil {
			t.Fatal(err)
		}
		if _, _, err := prefixOf(j); err != nil {
			t.Fatal(err)
		}
	})
}

// A record comes back as it was, and nothing else is taken for one.
func FuzzRecord(f *testing.F) {
	r := event(1)
	f.Add(appendRecord(nil, 7, &r), uint64(7))
	f.Add(bytes.Repeat([]byte{0xff}, recordSize), uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, offset uint64) {
		// The checksum is made right, so that what it guards is tried as well.
		if len(b) >= recordSize {
			b = bytes.Clone(b)
			if end := 8 + int64(order.Uint32(b[4:])); end <= int64(len(b)) && end >= 8 {
				order.PutUint32(b, recordSum(offset, b[4:end]))
			}
		}
		raw, _, err := cut(b, offset)
		if err != nil {
			return
		}
		s, err := decode(raw, offset)
		if err != nil {
			return
		}
		again := appendRecord(nil, offset, &s.Record)
		raw, rest, err := cut(again, offset)
		if err != nil || len(rest) != 0 {
			t.Fatalf("%v, and %d bytes are left", err, len(rest))
		}
		back, err := decode(raw, offset)
		if err != nil || back.Key != s.Key || !bytes.Equal(back.Data, s.Data) || len(back.Attrs) != len(s.Attrs) || back.ID != s.ID || !back.Time.Equal(s.Time) {
			t.Fatalf("%+v came back as %+v, %v", s, back, err)
		}
	})
}
