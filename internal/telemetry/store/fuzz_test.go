package store

import (
	"bytes"
	"testing"

	"github.com/banyanrun/banyan/internal/bus/journal/fsystest"
	"github.com/banyanrun/banyan/internal/telemetry/block/blocktest"
)

// Whatever a log's file holds: what is read of it is what was appended, and the
// store works. The input is written over a whole log, some way in.
func FuzzWAL(f *testing.F) {
	const name = "/telemetry/spans/0000000001.wal"
	disk := fsystest.New(1)
	w, err := createWAL(disk, name, 1)
	if err != nil {
		f.Fatal(err)
	}
	var frames [][]byte
	for i := range 4 {
		frame := append(room(nil), bytes.Repeat([]byte{byte(i)}, 10*i)...)
		frames = append(frames, frame[frameSize:])
		if err := w.append(frame); err != nil {
			f.Fatal(err)
		}
	}
	whole, err := readAll(w.file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint16(0), []byte{})
	f.Add(uint16(walHeader), []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13})
	f.Add(uint16(walHeader+frameSize), whole[walHeader:])
	f.Add(uint16(len(whole)), whole[walHeader:])
	f.Fuzz(func(t *testing.T, at uint16, over []byte) {
		data := bytes.Clone(whole)
		if n := int(at) + len(over) - len(data); n > 0 && n < 1<<16 && int(at) <= len(data) {
			data = append(data, make([]byte, n)...)
		}
		copy(data[int(at)%len(data):], over)
		disk := fsystest.New(1)
		file, err := disk.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt(data, 0); err != nil {
			t.Fatal(err)
		}
		next := 0
		_, _, _ = openWAL(disk, name, 1, func(payload []byte) error {
			for next < len(frames) && !bytes.Equal(frames[next], payload) {
				next++
			}
			if next == len(frames) {
				t.Errorf("a frame holds what was never appended: %x", payload)
			}
			next++
			return nil
		})
		s := openOn(t, disk)
		if err := s.AppendSpans(blocktest.New(1, 0).Spans(1)); err != nil {
			t.Error(err)
		}
	})
}
