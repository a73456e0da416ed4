package store

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
	"sync/atomic"

	"github.com/banyanrun/banyan/internal/bus/journal/fsys"
)

// A write-ahead log is a header and frames, little-endian; checksums are CRC-32C.
//
//	header  magic 8 | number 8 | salt 4 | checksum of these 4
//	frame   salt 4 | length 4 | checksum of the frame's offset, as 8 bytes, and the payload 4 | payload
//
// The salt is random, and an offset is written once unless it failed, so no record
// can hold what looks like a frame.
const (
	walMagic   = "banyanw1"
	walHeader  = 24
	frameSize  = 12
	frameMost  = 64 << 20
	walLargest = 1 << 30
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	order      = binary.LittleEndian
	errNothing = errors.New("the program or the machine stopped before anything was written")
	errDamaged = errors.New("what is stored is not what was written")
)

// wal is a write-ahead log's file.
type wal struct {
	name string
	file fsys.File
	salt uint32
	end  int64 // for who appends

	size    atomic.Int64 // for others
	dirty   atomic.Bool  // since the last sync
	unnamed atomic.Bool  // its directory was not synced since it was made
	failed  atomic.Bool  // a sync failed: what is in it is certain only in a block

	mu     sync.Mutex // syncing, or closing
	closed bool
}

func sumAt(offset int64, payload []byte) uint32 {
	var b [8]byte
	order.PutUint64(b[:], uint64(offset))
	return crc32.Update(crc32.Checksum(b[:], castagnoli), castagnoli, payload)
}

// createWAL makes a log.
func createWAL(disk fsys.FS, name string, number uint64) (*wal, error) {
	file, err := disk.Create(name)
	if err != nil {
		return nil, err
	}
	var salt [4]byte
	_, _ = rand.Read(salt[:]) // it never fails
	w := &wal{name: name, file: file, salt: order.Uint32(salt[:]), end: walHeader}
	b := append(make([]byte, 0, walHeader), walMagic...)
	b = order.AppendUint64(b, number)
	b = append(b, salt[:]...)
	b = order.AppendUint32(b, crc32.Checksum(b, castagnoli))
	if _, err := file.WriteAt(b, 0); err != nil {
		return nil, errors.Join(err, file.Close(), disk.Remove(name))
	}
	w.size.Store(walHeader)
	return w, nil
}

// room leaves place for a frame's header.
func room(b []byte) []byte { return append(b, make([]byte, frameSize)...) }

// append writes a frame, whose payload stands behind room.
func (w *wal) append(frame []byte) error {
	order.PutUint32(frame, w.salt)
	order.PutUint32(frame[4:], uint32(len(frame)-frameSize))
	order.PutUint32(frame[8:], sumAt(w.end, frame[frameSize:]))
	if _, err := w.file.WriteAt(frame, w.end); err != nil {
		return err // the next one is written over it
	}
	w.end += int64(len(frame))
	w.size.Store(w.end)
	return nil
}

// sync makes what was written last.
func (w *wal) sync(disk fsys.FS, dir string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || !w.dirty.Swap(false) {
		return nil
	}
	if w.unnamed.Swap(false) {
		if err := disk.SyncDir(dir); err != nil {
			w.unnamed.Store(true)
			w.dirty.Store(true)
			return err
		}
	}
	if err := w.file.Sync(); err != nil {
		w.failed.Store(true)
		return err
	}
	return nil
}

func (w *wal) bytes() int64 { return w.size.Load() }

func (w *wal) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	return w.file.Close()
}

// openWAL reads a log, and calls each with the payload of each frame that is whole.
// It returns what else there is as damage. An error of a log that cannot be read is errDamaged.
func openWAL(disk fsys.FS, name string, number uint64, each func(payload []byte) error) (w *wal, damage []error, err error) {
	file, err := disk.Open(name)
	if err != nil {
		return nil, nil, err
	}
	data, err := readAll(file)
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	if len(data) < walHeader || len(bytes.Trim(data, "\x00")) == 0 {
		return nil, nil, errors.Join(errNothing, file.Close())
	}
	if string(data[:8]) != walMagic || order.Uint64(data[8:]) != number ||
		crc32.Checksum(data[:walHeader-4], castagnoli) != order.Uint32(data[walHeader-4:]) {
		return nil, nil, errors.Join(fmt.Errorf("its first %d bytes: %w", walHeader, errDamaged), file.Close())
	}
	w = &wal{name: name, file: file, salt: order.Uint32(data[16:]), end: walHeader}
	for at := walHeader; at < len(data); {
		next, size := nextFrame(data, at, w.salt)
		if size == 0 {
			break // a write that was cut short, or nothing
		}
		if next > at {
			damage = append(damage, fmt.Errorf("%d bytes at byte %d: %w", next-at, at, errDamaged))
		}
		at = next + size
		w.end = int64(at)
		if err := each(data[next+frameSize : at]); err != nil {
			damage = append(damage, fmt.Errorf("the frame at byte %d: %w", next, err))
		}
	}
	// A sync that failed may have left pages that look clean: written again, they are
	// synced again.
	_, err = file.WriteAt(data[:w.end], 0)
	if noRoom(err) {
		w.failed.Store(true)
	} else if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	w.size.Store(w.end)
	w.dirty.Store(true)
	w.unnamed.Store(true)
	return w, damage, nil
}

func readAll(file fsys.File) ([]byte, error) {
	size, err := file.Size()
	if err != nil {
		return nil, err
	}
	if size > walLargest {
		return nil, fmt.Errorf("it has %d bytes: %w", size, errDamaged)
	}
	data := make([]byte, size)
	if n, err := file.ReadAt(data, 0); n < len(data) && err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return data, nil
}

// nextFrame finds the first frame from a place on that is whole; size 0: there is none.
func nextFrame(data []byte, at int, salt uint32) (next, size int) {
	var mark [4]byte
	order.PutUint32(mark[:], salt)
	for {
		found := bytes.Index(data[at:], mark[:])
		if found < 0 {
			return at, 0
		}
		at += found
		if size := wholeFrame(data, at); size > 0 {
			return at, size
		}
		at++
	}
}

func wholeFrame(data []byte, at int) int {
	if len(data)-at < frameSize {
		return 0
	}
	n := int64(order.Uint32(data[at+4:]))
	if n > frameMost || n > int64(len(data)-at-frameSize) {
		return 0
	}
	size := frameSize + int(n)
	if sumAt(int64(at), data[at+frameSize:at+size]) != order.Uint32(data[at+8:]) {
		return 0
	}
	return size
}
