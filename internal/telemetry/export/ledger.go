package export

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"sync"

	"github.com/banyanrun/banyan/internal/telemetry/store"
)

// progress is how far a target has come. What is not there begins when it is named.
type progress struct {
	// Salt begins the ids of records, so that those of another directory differ.
	Salt    string       `json:"salt"`
	Traces  *store.Place `json:"traces,omitempty"`
	Logs    *store.Place `json:"logs,omitempty"`
	Metrics *int64       `json:"metrics,omitempty"` // milliseconds since 1970
}

// ledger is the file with how far all targets have come, by their keys.
type ledger struct {
	name string
	save func(name string, data []byte) error

	mu      sync.Mutex
	now     book
	changed bool
}

type book struct {
	// Origin tells this Banyan from others.
	Origin  string               `json:"origin"`
	Targets map[string]*progress `json:"targets"`
}

// openLedger reads the file; without one that can be read, all begin anew.
func openLedger(name string, save func(string, []byte) error) (*ledger, error) {
	l := &ledger{name: name, save: save}
	data, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(data, &l.now)
	}
	if err != nil {
		l.now = book{}
	}
	if l.now.Targets == nil {
		l.now.Targets = map[string]*progress{}
	}
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return l, err
}

// change changes it in memory.
func (l *ledger) change(do func(*book)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do(&l.now)
	l.changed = true
}

// note changes how far a target has come.
func (l *ledger) note(key string, set func(*progress)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now.Targets[key]
	if now == nil {
		return // it has gone
	}
	before := *now
	set(now)
	l.changed = l.changed || !reflect.DeepEqual(before, *now)
}

// write writes it down if it changed.
func (l *ledger) write() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.changed {
		return nil
	}
	data, err := json.Marshal(&l.now)
	if err == nil {
		err = l.save(l.name, data)
	}
	l.changed = err != nil
	return err
}
