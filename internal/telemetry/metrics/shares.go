package metrics

import (
	"maps"
	"strings"
	"sync"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

const (
	// serviceLabel says whose series it is.
	serviceLabel = "service"
	// eachFree bounds a service's share: it may have so many times the series that are
	// free. So one that pours alone gets four fifths, two get four ninths each, and
	// whoever comes later finds a place.
	eachFree = 4
	// eachLeast is the part of all series that each service may have whatever the
	// others have.
	eachLeast = 100
	// refusedMost bounds the services whose refused series are counted apart.
	refusedMost = 100
	// Unnamed is the share of all services that are not of the app: one that gives itself
	// a new name each time has no more than it would have under one.
	Unnamed = "services that are not the app's"
	// Platform is whose series have no share: Banyan's own, and those of rules.
	Platform = "banyan"
)

// shares say how many series each service has, and which may have more.
type shares struct {
	mu      sync.Mutex
	of      map[string]int // by service
	all     int
	named   map[string]bool // those of the app; nil: any
	refused map[string]uint64
}

var _ tsdb.SeriesLifecycleCallback = (*shares)(nil)

// own reports whether a series is the platform's, or of a rule: they have no share.
func own(ls labels.Labels) bool {
	name := ls.Get(NameLabel)
	return ls.Get(serviceLabel) == "" || strings.HasPrefix(name, "banyan_") || strings.HasPrefix(name, "ALERTS") || strings.Contains(name, ":")
}

// PreCreation implements tsdb.SeriesLifecycleCallback. What is on disk is taken.
func (*shares) PreCreation(labels.Labels) error { return nil }

// PostCreation implements tsdb.SeriesLifecycleCallback.
func (h *shares) PostCreation(ls labels.Labels) { h.count(ls, 1) }

// PostDeletion implements tsdb.SeriesLifecycleCallback.
func (h *shares) PostDeletion(gone map[chunks.HeadSeriesRef]labels.Labels) {
	for _, ls := range gone {
		h.count(ls, -1)
	}
}

func (h *shares) count(ls labels.Labels, n int) {
	if own(ls) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.of == nil {
		h.of = map[string]int{}
	}
	service := ls.Get(serviceLabel)
	if _, known := h.of[service]; !known {
		service = strings.Clone(service) // it is a part of all labels
	}
	h.all += n
	if h.of[service] += n; h.of[service] == 0 {
		delete(h.of, service)
	}
}

// admit reports whether there may be another series with the labels, of so many there
// are and may be, and counts it as refused if not.
func (h *shares) admit(ls labels.Labels, series, most int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	whose, has := h.whose(ls)
	if series < most && (has < max(most/eachLeast, 1) || has < eachFree*(most-series)) {
		return true
	}
	if h.refused == nil {
		h.refused = map[string]uint64{}
	}
	if _, known := h.refused[whose]; !known {
		if whose = strings.Clone(whose); len(h.refused) >= refusedMost {
			whose = Unnamed
		}
	}
	h.refused[whose]++
	return false
}

// whose returns of whose share a series with the labels is, and how many series that
// has already. It must be called with mu held.
func (h *shares) whose(ls labels.Labels) (name string, has int) {
	if own(ls) {
		return Platform, 0
	}
	service := ls.Get(serviceLabel)
	if h.named == nil || h.named[service] {
		return service, h.of[service]
	}
	has = h.all
	for service := range h.named {
		has -= h.of[service]
	}
	return Unnamed, has
}

func (h *shares) refusals() map[string]uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.refused)
}

// forget is for another database.
func (h *shares) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.of, h.all = nil, 0
}

// SetServices says which services are the app's. All others share what one may have.
func (s *Store) SetServices(names []string) {
	named := make(map[string]bool, len(names))
	for _, n := range names {
		named[n] = true
	}
	s.shares.mu.Lock()
	defer s.shares.mu.Unlock()
	s.shares.named = named
}
