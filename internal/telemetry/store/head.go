package store

import (
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/block"
)

// head is what is not in a block yet: its log on disk, and the same in memory.
type head struct {
	number uint64
	wal    *wal      // its end is under shelf.appending
	full   bool      // under shelf.appending
	began  time.Time // when it took the first records; under shelf.appending

	mu sync.RWMutex
	b  *block.Builder
}

func newHead(kind block.Kind, number uint64, w *wal) *head {
	return &head{number: number, wal: w, b: block.NewBuilder(kind)}
}

// add adds records, and notes whether there are as many as there should be.
func (h *head) add(s *shelf, fill func(*block.Builder)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fill(h.b)
	now, most := s.Now(), s.bounds.Load().headBytes
	h.b.TakenIn(now.UnixNano())
	if h.began.IsZero() && h.b.Len() > 0 {
		h.began = now
	}
	// Memory has a long text once that the log has as often as it came.
	h.full = h.b.Len() >= s.HeadRecords || h.b.Bytes() >= most || h.wal.end >= 2*most
}

func (h *head) meta() block.Meta {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.b.Meta()
}

func (h *head) empty() bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.b.Len() == 0
}

// with calls do while nothing is added.
func (h *head) with(do func(block.Records) error) error {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return do(h.b)
}
