package sqlite

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"

	"github.com/banyanrun/banyan/internal/fault"
)

// The write-ahead log's layout: https://sqlite.org/fileformat2.html#walformat.
const (
	walHeader   = 32
	frameHeader = 24
	walMagic    = 0x377f0682 // one more where checksums are big-endian
)

// checkLog reports a log that was damaged. SQLite itself takes whatever follows
// a frame with a wrong checksum for a write that was cut short, and goes back to
// the state before it without a word. A transaction begins only when the one
// before it is on the disk: so a bad frame with a later transaction behind it was
// whole once, and what it held was promised to be kept.
func checkLog(path string) error {
	log, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(log) == 0 {
		return nil
	}
	damaged := fault.New(fault.Damaged, "the database's log is damaged").At(path).
		Fix("%s", repair)
	switch {
	case err != nil:
		return fault.New(fault.Denied, "cannot read the database's log: %w", err)
	case len(log) < walHeader:
		return nil // its first write was cut short
	}
	u32 := binary.BigEndian.Uint32
	sum := walSum{order: binary.LittleEndian}
	switch u32(log) {
	case walMagic:
	case walMagic + 1:
		sum.order = binary.BigEndian
	default:
		return damaged
	}
	sum.add(log[:24])
	size := int(u32(log[8:]))
	if !sum.is(log[24:]) || size < 512 || size > 1<<16 {
		return damaged
	}
	salts := string(log[16:24])
	bad, ended := false, false // a frame was bad; the transaction that it is in has ended
	for at := walHeader; at+frameHeader+size <= len(log); at += frameHeader + size {
		frame := log[at : at+frameHeader+size]
		ours := string(frame[8:16]) == salts // else it is left from the log's last use
		if ours && ended {
			return damaged
		}
		if !bad {
			sum.add(frame[:8])
			sum.add(frame[frameHeader:])
			bad = !ours || !sum.is(frame[16:])
		}
		ended = bad && (ended || ours && u32(frame[4:]) != 0)
	}
	return nil
}

// walSum is the log's running checksum.
type walSum struct {
	order  binary.ByteOrder
	s0, s1 uint32
}

func (s *walSum) add(data []byte) {
	for ; len(data) >= 8; data = data[8:] {
		s.s0 += s.order.Uint32(data) + s.s1
		s.s1 += s.order.Uint32(data[4:]) + s.s0
	}
}

func (s *walSum) is(stored []byte) bool {
	return s.s0 == binary.BigEndian.Uint32(stored) && s.s1 == binary.BigEndian.Uint32(stored[4:])
}
