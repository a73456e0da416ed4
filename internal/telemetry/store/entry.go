package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/banyanrun/banyan/internal/bus/journal/fsys"
	"github.com/banyanrun/banyan/internal/telemetry/block"
)

// Kinds of files, by what their names end in.
const (
	extWAL     = ".wal"
	extFull    = ".full"
	extSampled = ".sampled"
	extBad     = ".bad"
	extTemp    = ".tmp"
)

// entry is a block's file, or one that cannot be read.
type entry struct {
	first, last uint64 // the numbers that it stands for
	ext         string
	name        string
	size        int64
	block       *block.Block // nil: it cannot be read
	damage      error        // under shelf.mu

	refs int // under shelf.mu: who reads it, and the shelf itself
}

// nameOf is a file's name.
func nameOf(first, last uint64, ext string) string {
	if ext == extSampled {
		return fmt.Sprintf("%010d-%010d%s", first, last, ext)
	}
	return fmt.Sprintf("%010d%s", first, ext)
}

// parseName is the opposite of nameOf.
func parseName(name string) (first, last uint64, ext string, ok bool) {
	base, ext := name, filepath.Ext(name)
	base = strings.TrimSuffix(base, ext)
	from, to, ranged := strings.Cut(base, "-")
	if !ranged {
		to = from
	}
	first, err := strconv.ParseUint(from, 10, 64)
	last, err2 := strconv.ParseUint(to, 10, 64)
	ok = err == nil && err2 == nil && first <= last && name == nameOf(first, last, ext)
	return first, last, ext, ok
}

// covers reports whether what the other holds is in this one, or was left out of it.
func (e *entry) covers(first, last uint64, ext string) bool {
	if e.ext == extBad || first < e.first || last > e.last {
		return false
	}
	switch ext {
	case extWAL:
		return true
	case extFull:
		return e.ext == extSampled
	case extSampled:
		return e.ext == extSampled && (first > e.first || last < e.last)
	}
	return false
}

// passing reports whether an error is of the machine at the moment, and says nothing of the file.
func passing(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM)
}

// openEntry reads what a block's file says of itself. Damage is no error, and a file
// that cannot be read is damaged.
func openEntry(disk fsys.FS, dir, name string) (*entry, error) {
	e := &entry{name: filepath.Join(dir, name), refs: 1}
	e.first, e.last, e.ext, _ = parseName(name)
	file, err := disk.Open(e.name)
	if err == nil {
		e.size, err = file.Size()
		if err == nil && e.ext != extBad {
			e.block, err = block.Open(file, e.size)
		}
		err = errors.Join(err, file.Close())
	}
	if passing(err) {
		return nil, err
	}
	if err != nil {
		e.block, e.damage = nil, err
	}
	return e, nil
}

func (e *entry) meta() block.Meta {
	if e.block == nil {
		return block.Meta{}
	}
	return e.block.Meta()
}

// with opens the file for a while.
func (e *entry) with(disk fsys.FS, do func(*block.Reader) error) (err error) {
	file, err := disk.Open(e.name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return do(e.block.Read(file))
}
