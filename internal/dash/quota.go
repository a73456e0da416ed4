package dash

import (
	"sync"
	"time"
)

const (
	// strangers are all who are not let in: what they are refused is recorded once a
	// minute in all, as they must not push what others did out of the log.
	strangers    = ""
	fromStranger = 1
	// fromVisitor is how many refusals of one session are recorded in a minute.
	fromVisitor = 10
	// mostAtOnce requests of one session are under way, streams among them.
	mostAtOnce = 48
)

// quota bounds what one session may have of what all share. It is safe for
// concurrent use.
type quota struct {
	mu      sync.Mutex
	refused map[string]*minute // by the session's id
	busy    map[string]int
}

// minute is what somebody was refused within one.
type minute struct {
	began             time.Time
	recorded, skipped int
}

func newQuota() *quota {
	return &quota{refused: map[string]*minute{}, busy: map[string]int{}}
}

// record reports whether a refusal is recorded, and how many before it were not.
func (q *quota) record(who string, most int, now time.Time) (yes bool, skipped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for id, m := range q.refused { // sessions are few
		if id != who && now.Sub(m.began) >= time.Minute {
			delete(q.refused, id)
		}
	}
	m := q.refused[who]
	if m == nil {
		m = &minute{began: now}
		q.refused[who] = m
	}
	if now.Sub(m.began) >= time.Minute {
		m.began, m.recorded = now, 0
	}
	if m.recorded >= most {
		m.skipped++
		return false, 0
	}
	m.recorded++
	skipped, m.skipped = m.skipped, 0
	return true, skipped
}

// begin takes a place for a request of the session; false: it has too many.
func (q *quota) begin(session string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.busy[session] >= mostAtOnce {
		return false
	}
	q.busy[session]++
	return true
}

func (q *quota) end(session string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.busy[session]--; q.busy[session] == 0 {
		delete(q.busy, session)
	}
}
