package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/logs"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/reconcile"
	"github.com/banyanrun/banyan/internal/telemetry/filter"
	"github.com/banyanrun/banyan/internal/telemetry/output"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
	"github.com/banyanrun/banyan/internal/telemetry/store"
)

const (
	// linesEach is how often lines that wait for others are looked at, and what was
	// kept is noted.
	linesEach = 250 * time.Millisecond
	// linesOpen is how long lines may wait for others while more and more come: what
	// was kept is not noted meanwhile.
	linesOpen = 5 * time.Second
	// linesRetry is when it is tried again to keep lines.
	linesRetry = time.Second
	// linesSlack is how much earlier than the line a time in it may be, for lines that
	// a daemon before has kept and not noted.
	linesSlack = time.Minute
	// resourcesMost bounds the instances that are remembered.
	resourcesMost = 10_000
)

// linePlace is how far the lines of a service were kept.
type linePlace struct {
	logs.Place
	Time time.Time `json:"time"` // of the last line before it
}

// lineKeeper makes log records of what instances write. Lines that were kept are
// noted soon after; those in between a daemon that follows finds in the store.
type lineKeeper struct {
	daemon    *daemon
	room      *telemetryRoom
	file      string
	noted     map[string]linePlace // by service
	changed   bool
	services  map[string]*serviceLines
	resources map[string]*signal.Resource // by instance
	again     map[keptLine]int            // kept by a daemon before, and not noted
	out       []signal.Log
}

// serviceLines are a service's lines that wait for others.
type serviceLines struct {
	joiner *output.Joiner
	end    linePlace
	since  time.Time // when the oldest began to wait; zero: none does
}

// keptLine tells a record from others.
type keptLine struct {
	time                    int64
	service, instance, text string
}

func lineOf(l *signal.Log) keptLine {
	return keptLine{l.Time, l.Resource.Service, l.Resource.Instance, l.Text}
}

// keepLines keeps the lines of instances, and Banyan's own, until ctx ends.
func (d *daemon) keepLines(ctx context.Context) {
	k := &lineKeeper{
		daemon: d, room: d.telemetry, file: filepath.Join(d.layout.Telemetry, "lines.json"), noted: map[string]linePlace{},
		services: map[string]*serviceLines{}, resources: map[string]*signal.Resource{},
	}
	k.open(ctx)
	from := make(map[string]logs.Place, len(k.noted))
	for service, p := range k.noted {
		from[service] = p.Place
	}
	batches := make(chan logs.Batch)
	var reading sync.WaitGroup
	reading.Go(func() {
		d.logs.Tap(ctx, from, func(b logs.Batch) bool {
			select {
			case batches <- b:
				return true
			case <-ctx.Done():
				return false
			}
		})
	})
	defer reading.Wait()
	var tick <-chan time.Time // nil: nothing is to be done
	for {
		if tick == nil && k.waits() {
			tick = time.After(linesEach)
		}
		select {
		case b := <-batches:
			k.take(ctx, &b)
		case now := <-tick:
			tick = nil
			k.flush(ctx, now)
			k.save()
		case <-ctx.Done():
			k.end()
			return
		}
	}
}

// open reads what was noted, and finds what was kept after that.
func (k *lineKeeper) open(ctx context.Context) {
	data, err := os.ReadFile(k.file)
	if err == nil {
		err = json.Unmarshal(data, &k.noted)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		k.room.log.Warn("lines may be kept twice: how far they were kept cannot be read", "error", err)
	}
	var from time.Time
	for _, p := range k.noted {
		if from.IsZero() || p.Time.Before(from) {
			from = p.Time
		}
	}
	if from.IsZero() {
		return
	}
	ours, err := filter.Parse("scope="+signal.ScopeOutput, filter.Logs)
	if err != nil {
		return // it is right
	}
	k.again = map[keptLine]int{}
	q := store.LogQuery{From: from.Add(-linesSlack).UnixNano(), Match: ours, Limit: 5000, OldestFirst: true}
	for {
		found, err := k.room.store.SearchLogs(ctx, q)
		if err != nil {
			k.room.log.Warn("lines may be kept twice: the last ones cannot be found", "error", err)
			return
		}
		for i := range found.Logs {
			k.again[lineOf(&found.Logs[i])]++
		}
		if q.Cursor = found.Next; q.Cursor == "" {
			return
		}
	}
}

// waits reports whether there is something to do soon.
func (k *lineKeeper) waits() bool {
	if k.changed {
		return true
	}
	for _, s := range k.services {
		if !s.since.IsZero() {
			return true
		}
	}
	return false
}

// take takes lines of a service.
func (k *lineKeeper) take(ctx context.Context, b *logs.Batch) {
	s := k.services[b.Service]
	if s == nil {
		s = &serviceLines{joiner: output.New()}
		k.services[b.Service] = s
	}
	for i := range b.Records {
		r := &b.Records[i]
		s.end.Time = r.Time
		if b.Service == dataPlaneID && r.Stream == logs.Stdout {
			continue // the access log: there is a span of each request
		}
		k.out = s.joiner.Add(k.out, output.Line{
			Time: r.Time.UnixNano(), Resource: k.resource(ctx, b.Service, r.Instance), Stderr: r.Stream == logs.Stderr,
			Text: r.Line, Cut: r.Cut, Lost: r.Lost,
		})
	}
	s.end.Place = b.End
	if k.keep(ctx) {
		k.note(b.Service, s)
	}
}

// note notes how far a service's lines are kept, if none of them waits.
func (k *lineKeeper) note(service string, s *serviceLines) {
	switch {
	case s.joiner.Waiting() == 0:
		s.since = time.Time{}
		k.noted[service], k.changed = s.end, true
	case s.since.IsZero():
		s.since = time.Now()
	}
}

// flush keeps the lines that waited long enough.
func (k *lineKeeper) flush(ctx context.Context, now time.Time) {
	for name, s := range k.services {
		switch {
		case s.since.IsZero():
			continue
		case now.Sub(s.since) > linesOpen:
			k.out = s.joiner.Close(k.out)
		default:
			k.out = s.joiner.Flush(k.out, now.UnixNano())
		}
		if k.keep(ctx) {
			k.note(name, s)
		}
	}
}

// end keeps what waits, and notes it.
func (k *lineKeeper) end() {
	for name, s := range k.services {
		k.out = s.joiner.Close(k.out)
		if k.room.engine.Lines(k.fresh()) == nil {
			k.note(name, s)
		}
		k.out = nil
	}
	k.save()
}

// keep keeps the records that are whole; it tries until it can, or ctx ends.
func (k *lineKeeper) keep(ctx context.Context) bool {
	k.out = k.fresh()
	for told := false; ; told = true {
		err := k.room.engine.Lines(k.out)
		if err == nil {
			k.out = nil // it is the store's now
			return true
		}
		if !told {
			k.room.log.Warn("lines wait: they cannot be kept", "error", err)
		}
		select {
		case <-time.After(linesRetry):
		case <-ctx.Done():
			return false
		}
	}
}

// fresh are the records that no daemon before has kept.
func (k *lineKeeper) fresh() []signal.Log {
	if len(k.again) == 0 {
		return k.out
	}
	var fresh []signal.Log
	for i := range k.out {
		key := lineOf(&k.out[i])
		if k.again[key] == 0 {
			fresh = append(fresh, k.out[i])
			continue
		}
		if k.again[key]--; k.again[key] == 0 {
			delete(k.again, key)
		}
	}
	return fresh
}

// save writes down what is noted.
func (k *lineKeeper) save() {
	if !k.changed {
		return
	}
	data, err := json.Marshal(k.noted)
	if err == nil {
		err = os.WriteFile(k.file+".new", data, 0o600)
	}
	if err == nil {
		err = os.Rename(k.file+".new", k.file)
	}
	if err != nil {
		k.room.log.Warn("it cannot be noted which lines were kept", "error", err)
	}
	k.changed = false
}

// resource is that of an instance.
func (k *lineKeeper) resource(ctx context.Context, service, instance string) *signal.Resource {
	key := service + "\x00" + instance
	if r := k.resources[key]; r != nil {
		return r
	}
	if len(k.resources) >= resourcesMost {
		clear(k.resources)
	}
	r := &signal.Resource{Service: service, Instance: instance}
	_ = k.daemon.loop.Read(ctx, func(_ reconcile.Desired, obs *model.Observed, _ reconcile.Plan) { // at worst it has no revision
		if i := obs.Instances[instance]; i != nil {
			r.Revision = i.Revision
		}
	})
	k.resources[key] = r
	return r
}
