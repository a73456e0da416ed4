package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"hash/maphash"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/filter"
	"github.com/banyanrun/banyan/internal/telemetry/output"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
	"github.com/banyanrun/banyan/internal/telemetry/store"
)

// Bounds of what is read of a service's kept records to tell which of its lines are
// among them. It is about what the spool holds of a service; lines of before that may
// be kept twice.
const (
	againMost  = 200_000
	againBytes = 64 << 20
	againPage  = 500     // records at first, and then as many as are about:
	againPiece = 4 << 20 // bytes
	searchMost = 5000    // records the store returns at once
)

// keptLine tells a record from a service's others.
type keptLine struct {
	time int64
	rest uint64
}

var keptSeed = maphash.MakeSeed()

func lineOf(l *signal.Log) keptLine {
	return keptLine{l.Time, maphash.String(keptSeed, l.Resource.Instance+"\x00"+l.Text)}
}

// sooner is the earlier of two times; zero is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// hasLines reports whether a service is in the app, or has lines in the spool.
func (d *daemon) hasLines(service string) bool {
	if now := d.effects.current.Load(); now != nil && now.app.Services[service] != nil {
		return true
	}
	_, err := os.Stat(filepath.Join(d.layout.Logs, "segments", service))
	return !errors.Is(err, os.ErrNotExist)
}

// open reads what was noted of the services that there are.
func (k *lineKeeper) open(has func(service string) bool) {
	data, err := os.ReadFile(k.file)
	if err == nil {
		err = json.Unmarshal(data, &k.noted)
	}
	if err != nil {
		k.noted = nil
		if !errors.Is(err, os.ErrNotExist) {
			k.log.Warn("how far lines were kept cannot be read; it is looked for in what is kept", "error", err)
		}
	}
	if k.noted == nil {
		k.noted = map[string]linePlace{}
	}
	count := len(k.noted)
	maps.DeleteFunc(k.noted, func(service string, _ linePlace) bool { return !has(service) })
	k.changed = len(k.noted) < count
}

// before finds what was kept of a service's lines since a time, the newest first.
func (k *lineKeeper) before(ctx context.Context, service string, since time.Time) map[keptLine]int {
	ours, err := filter.Parse("scope="+signal.ScopeOutput+" service="+strconv.Quote(service), filter.Logs)
	if err != nil || since.IsZero() {
		return nil
	}
	again := map[keptLine]int{}
	q := store.LogQuery{From: since.Add(-output.Skew).UnixNano(), Match: ours, Limit: againPage}
	for count, size := 0, 0; count < againMost && size < againBytes; {
		found, err := k.search(ctx, q)
		if err != nil {
			k.log.Warn("lines may be kept twice: the last ones cannot be found", "service", service, "error", err)
			break
		}
		for i := range found.Logs {
			again[lineOf(&found.Logs[i])]++
			size += len(found.Logs[i].Text)
		}
		count += len(found.Logs)
		q.Limit = min(max(againPiece*count/(size+1), 1), searchMost)
		if q.Cursor = found.Next; q.Cursor == "" {
			break
		}
	}
	return again
}

// forget drops what was kept before, once all lines of that time are compared with it.
func (s *serviceLines) forget() {
	if s.caught && s.joiner.Waiting() == 0 {
		s.again = nil
	}
}

// add takes the records of a service that no daemon before has kept.
func (k *lineKeeper) add(s *serviceLines, records []signal.Log) {
	for i := range records {
		key := lineOf(&records[i])
		if s.again[key] == 0 {
			k.out = append(k.out, records[i])
			continue
		}
		if s.again[key]--; s.again[key] == 0 {
			delete(s.again, key)
		}
	}
}

// save writes down what is noted.
func (k *lineKeeper) save() {
	if !k.changed {
		return
	}
	data, err := json.Marshal(k.noted)
	if err == nil {
		err = replaceFile(k.file, data)
	}
	if err != nil && !k.unsaved {
		k.log.Warn("it cannot be noted which lines were kept", "error", err)
	}
	k.changed, k.unsaved = err != nil, err != nil
}

// replaceFile gives a file another content, whole or not at all, that a loss of power
// does not take.
func replaceFile(name string, data []byte) error {
	f, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = cmp.Or(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
