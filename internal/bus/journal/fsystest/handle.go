package fsystest

import (
	"errors"
	"io"
	"slices"
)

// handle is an open file. It is dead after a crash.
type handle struct {
	d    *Disk
	n    *node
	name string
	life int
}

func (h *handle) enter(op Op) error {
	if h.life != h.d.life {
		return ErrHalted
	}
	return h.d.enter(op, h.name)
}

func (h *handle) ReadAt(p []byte, off int64) (int, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if err := h.enter(Read); err != nil {
		return 0, err
	}
	if off >= int64(len(h.n.data)) {
		return 0, io.EOF
	}
	n := copy(p, h.n.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) WriteAt(p []byte, off int64) (int, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	err := h.enter(Write)
	if errors.Is(err, ErrHalted) {
		return 0, err
	}
	if err != nil {
		p = p[:len(p)/2]
	}
	h.n.data = put(h.n.data, p, off)
	h.n.pending = append(h.n.pending, write{off, slices.Clone(p)})
	return len(p), err
}

func (h *handle) Sync() error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	err := h.enter(Sync)
	switch {
	case errors.Is(err, ErrHalted) || err == nil && h.d.Lie:
		return err
	case err != nil:
		h.n.pending = nil // pages that could not be written look clean afterwards
		return err
	}
	for _, w := range h.n.pending {
		h.n.saved = put(h.n.saved, w.data, w.at)
	}
	h.n.pending = nil
	return nil
}

func (h *handle) Size() (int64, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if err := h.enter(Read); err != nil {
		return 0, err
	}
	return int64(len(h.n.data)), nil
}

func (h *handle) Close() error { return nil }
