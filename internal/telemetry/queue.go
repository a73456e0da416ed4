package telemetry

import (
	"slices"
	"sync"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// item is what waits to be kept: spans or logs that came together.
type item struct {
	spans []signal.Span
	logs  []signal.Log
	size  int64
}

// queue holds items up to a number of bytes.
type queue struct {
	most int64

	mu     sync.Mutex
	more   sync.Cond
	items  []item
	size   int64
	closed bool
}

func newQueue(most int64) *queue {
	q := &queue{most: most}
	q.more.L = &q.mu
	return q
}

// put adds an item; false: there is no room, or there will be nobody to take it.
func (q *queue) put(i item) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.size+i.size > q.most && len(q.items) > 0 {
		return false
	}
	q.items = append(q.items, i)
	q.size += i.size
	q.more.Signal()
	return true
}

// together is how many records are kept by one call where there are more.
const together = 4096

// take waits for what is there and returns what of it can be kept together; false:
// there is no more, and there will be none.
func (q *queue) take() (item, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == 0 && !q.closed {
		q.more.Wait()
	}
	if len(q.items) == 0 {
		return item{}, false
	}
	all := q.items[0]
	n := 1
	for ; n < len(q.items) && len(all.spans)+len(all.logs) < together; n++ {
		if n == 1 { // the first is its sender's still
			all.spans, all.logs = slices.Clip(all.spans), slices.Clip(all.logs)
		}
		all.spans = append(all.spans, q.items[n].spans...)
		all.logs = append(all.logs, q.items[n].logs...)
		all.size += q.items[n].size
	}
	q.size -= all.size
	clear(q.items[:n])
	if q.items = q.items[n:]; len(q.items) == 0 {
		q.items = nil
	}
	return all, true
}

// close lets take return what is there and then nothing.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.more.Broadcast()
}

// waiting is how many bytes wait.
func (q *queue) waiting() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.size
}
