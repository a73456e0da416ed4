package flow

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

func coded(numbers ...uint64) []byte {
	var b []byte
	for _, n := range numbers {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

func place(partition int32, offset uint64) engine.Position {
	return engine.Position{Partition: partition, Offset: offset}
}

var progresses = []struct {
	progress Progress
	coded    []byte
}{
	{Progress{}, coded(1, 0)},
	{Progress{Next: []engine.Position{place(0, 0)}}, coded(1, 1, 0, 0, 0)},
	{Progress{Next: []engine.Position{place(0, 1000)}}, coded(1, 1, 0, 0, 1000)},
	{
		Progress{Next: []engine.Position{place(0, 9)}, Open: []Run{{at(1), 1}, {at(3), 2}, {at(8), 1}}},
		coded(1, 1, 0, 3, 0, 0, 0, 1, 2, 0, 0),
	},
	{
		Progress{Next: []engine.Position{place(0, 9), place(1, 5), place(7, 3)}, Open: []Run{{place(0, 5), 3}, {place(7, 1), 1}}},
		coded(1, 3, 0, 1, 4, 2, 1, 0, 0, 5, 5, 1, 0, 0, 1),
	},
	{Progress{Next: []engine.Position{place(math.MaxInt32, math.MaxUint64)}}, coded(1, 1, math.MaxInt32, 0, math.MaxUint64)},
}

func TestProgressCode(t *testing.T) {
	for _, tt := range progresses {
		if got := tt.progress.Append(nil); !bytes.Equal(got, tt.coded) {
			t.Errorf("%v: coded %v, want %v", tt.progress, got, tt.coded)
		}
		if got, err := DecodeProgress(tt.coded); err != nil || !reflect.DeepEqual(got, tt.progress) {
			t.Errorf("%v: decoded %v, %v", tt.progress, got, err)
		}
		for n := range tt.coded {
			if got, err := DecodeProgress(tt.coded[:n]); err == nil {
				t.Errorf("%v was decoded as %v", tt.coded[:n], got)
			}
		}
	}
	bad := map[string][]byte{
		"another version":       coded(2, 0),
		"something follows":     coded(1, 0, 0),
		"a long varint":         {1, 0x80, 0},
		"a number too large":    coded(1, 1, math.MaxInt32+1, 0, 0),
		"partitions that end":   coded(1, 2, math.MaxInt32, 0, 0, 0, 0, 0),
		"more open than can be": coded(1, 1, 0, 1, 0, maxRestored, 0),
		"more open in all":      coded(1, 1, 0, 2, 0, maxRestored-1, 0, 0, 0),
		"a gap past the end":    coded(1, 1, 0, 1, math.MaxUint64, 0, 0),
		"next past the end":     coded(1, 1, 0, 1, 0, 0, math.MaxUint64),
	}
	for name, b := range bad {
		if got, err := DecodeProgress(b); err == nil {
			t.Errorf("%s: %v was decoded as %v", name, b, got)
		}
	}
}

// FuzzDecodeProgress: what is decoded is coded the same, and a Flow goes on from it.
func FuzzDecodeProgress(f *testing.F) {
	for _, p := range progresses {
		f.Add(p.coded)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodeProgress(b)
		if err != nil {
			return
		}
		if again := p.Append(nil); !bytes.Equal(again, b) {
			t.Fatalf("%v became %v", b, again)
		}
		open := uint64(0)
		for _, run := range p.Open {
			open += run.Count
		}
		if open > 1000 {
			return
		}
		flow := New(start, Config{}, p, nil, rand.New(rand.NewPCG(1, 2)))
		if again := flow.Progress(); !bytes.Equal(again.Append(nil), b) {
			t.Fatalf("%v became %v", p, again)
		}
	})
}
