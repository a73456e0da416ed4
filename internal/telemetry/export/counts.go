package export

import (
	"maps"
	"sync"
	"time"
)

// Count is how one signal of a target stands.
type Count struct {
	Target string
	Signal Signal
	// Sent records, the Bytes of all requests, and the requests that Failed.
	Sent, Bytes, Failed int64
	// Dropped records, by reason.
	Dropped map[string]int64
	// Waiting are records that are to be sent; of metrics that is not known, and -1.
	Waiting int64
	// Behind is since when there is something that is not sent; zero: all is sent.
	Behind time.Time
	// Err is why the last request failed; nil: it did not.
	Err error
}

// counter counts for one signal of a target.
type counter struct {
	mu  sync.Mutex
	now Count
}

func (c *counter) change(do func(*Count)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do(&c.now)
}

// drop counts what is not sent.
func (c *counter) drop(reason string, n int64) {
	if n <= 0 {
		return
	}
	c.change(func(now *Count) {
		if now.Dropped == nil {
			now.Dropped = map[string]int64{}
		}
		if _, known := now.Dropped[reason]; !known && len(now.Dropped) >= reasonsMost {
			reason = "other reasons"
		}
		now.Dropped[reason] += n
	})
}

// reasonsMost bounds the reasons that are told apart: targets word some of them.
const reasonsMost = 20

func (c *counter) read() Count {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now
	now.Dropped = maps.Clone(now.Dropped)
	return now
}
