package block

import (
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// How a section is stored.
const (
	codecRaw  = 0
	codecZstd = 1
)

// window is how far back zstd looks for what repeats; sections are seldom longer.
const window = 1 << 20

// coder returns the one encoder, which is safe for concurrent use. It takes up
// memory only once something is encoded.
var coder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault),
		zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
	if err != nil {
		panic(err) // the options are constants
	}
	return e
})

var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(mostSection), zstd.WithDecodeAllCapLimit(true), zstd.IgnoreChecksum(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return d
})

// section is where something is in the file.
type section struct {
	kind        sectionType
	key         string // the column's
	offset      int64
	length, raw int64
	codec       byte
	sum         uint32
}

func readAt(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %d bytes at byte %d: %w", len(b), at, err)
}

// read returns what a section holds.
func (s section) read(r io.ReaderAt) ([]byte, error) {
	stored := make([]byte, s.length)
	if err := readAt(r, stored, s.offset); err != nil {
		return nil, err
	}
	if checksum(stored) != s.sum {
		return nil, s.wrong("its checksum does not fit")
	}
	if s.codec == codecRaw {
		return stored, nil
	}
	// The capacity bounds what is decoded.
	b, err := decoder().DecodeAll(stored, make([]byte, 0, s.raw))
	if err != nil {
		return nil, s.wrong(err.Error())
	}
	if int64(len(b)) != s.raw {
		return nil, s.wrong("its length does not fit")
	}
	return b, nil
}

func (s section) wrong(why string) error {
	return fmt.Errorf("section %d %q at byte %d: %s: %w", s.kind, s.key, s.offset, why, ErrFormat)
}

// compress returns a section for raw bytes and what is stored of it.
func compress(kind sectionType, key string, raw, into []byte) (section, []byte) {
	s := section{kind: kind, key: key, raw: int64(len(raw))}
	stored := raw
	if len(raw) > 16 {
		if small := coder().EncodeAll(raw, into[:0]); len(small) < len(raw) {
			stored, s.codec = small, codecZstd
		}
	}
	s.length, s.sum = int64(len(stored)), checksum(stored)
	return s, stored
}
