package metrics

import (
	"maps"
	"sync"
)

// maxNotes bounds how many metrics are described.
const maxNotes = 10_000

// notes are the descriptions of metrics. They are not written down: whoever
// appends describes again after a restart.
type notes struct {
	mu     sync.RWMutex
	byName map[string]Metadata
}

// Describe says what a metric is. Name is that of the family: of a histogram or
// summary without _bucket, _sum and _count.
func (s *Store) Describe(name string, m Metadata) {
	n := &s.notes
	n.mu.RLock()
	old, known := n.byName[name]
	n.mu.RUnlock()
	if known && old == m {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.byName == nil {
		n.byName = map[string]Metadata{}
	}
	if _, known := n.byName[name]; known || len(n.byName) < maxNotes {
		n.byName[name] = m
	}
}

// Metadata are the descriptions of all metrics that have one, by name.
func (s *Store) Metadata() map[string]Metadata {
	s.notes.mu.RLock()
	defer s.notes.mu.RUnlock()
	return maps.Clone(s.notes.byName)
}
