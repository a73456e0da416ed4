package daemon

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/logs"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/reconcile"
	"github.com/banyanrun/banyan/internal/telemetry/output"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
	"github.com/banyanrun/banyan/internal/telemetry/store"
)

const (
	// linesEach is how often lines that wait for others are looked at.
	linesEach = 250 * time.Millisecond
	// linesNoted is how often what was kept is noted: it is synced each time.
	linesNoted = time.Second
	// linesOpen is how long lines may wait for others while more and more come: what
	// was kept is not noted meanwhile.
	linesOpen = 5 * time.Second
	// linesRetry is when it is tried again to keep lines.
	linesRetry = time.Second
	// linesAtOnce is how many records are handed over in one.
	linesAtOnce = 512
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
	log       *slog.Logger
	append    func([]signal.Log) (kept int, err error)
	search    func(context.Context, store.LogQuery) (*store.LogResult, error)
	file      string
	noted     map[string]linePlace // by service
	changed   bool                 // since it was saved
	unsaved   bool                 // it was told that it cannot be
	services  map[string]*serviceLines
	resources map[string]*signal.Resource // by instance
	out       []signal.Log                // that no daemon before has kept
}

// serviceLines are a service's lines that wait for others.
type serviceLines struct {
	joiner *output.Joiner
	end    linePlace
	since  time.Time        // when the oldest began to wait; zero: none does
	again  map[keptLine]int // kept by a daemon before, and not noted; nil: none
	asked  bool             // what is in again was looked for
	caught bool             // all lines of before were taken
}

// keepLines keeps the lines of instances, and Banyan's own, until ctx ends.
func (d *daemon) keepLines(ctx context.Context) {
	k := &lineKeeper{
		daemon: d, log: d.telemetry.log, append: d.telemetry.engine.Lines, search: d.telemetry.store.SearchLogs, file: filepath.Join(d.layout.Telemetry, "lines.json"),
		services: map[string]*serviceLines{}, resources: map[string]*signal.Resource{},
	}
	k.open(d.hasLines)
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
	var saved time.Time
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
			if now.Sub(saved) >= linesNoted {
				saved = now
				k.save()
			}
		case <-ctx.Done():
			k.end()
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
		s = &serviceLines{joiner: output.New(), end: k.noted[b.Service]}
		k.services[b.Service] = s
	}
	if len(b.Records) > 0 && !s.asked && !s.caught {
		s.asked, s.again = true, k.before(ctx, b.Service, sooner(s.end.Time, b.Records[0].Time))
	}
	s.caught = s.caught || b.Caught
	if len(b.Records) == 0 {
		s.forget()
		return
	}
	for i := range b.Records {
		r := &b.Records[i]
		if !r.Time.IsZero() { // lines that are missing have none
			s.end.Time = r.Time
		}
		if b.Service == dataPlaneID && r.Stream == logs.Stdout {
			continue // the access log: there is a span of each request
		}
		k.add(s, s.joiner.Add(nil, output.Line{
			Time: s.end.Time.UnixNano(), Resource: k.resource(ctx, b.Service, r.Instance), Stderr: r.Stream == logs.Stderr,
			Text: r.Line, Cut: r.Cut, Lost: r.Lost,
		}))
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
		s.forget()
		if s.end.Segment > 0 {
			k.noted[service], k.changed = s.end, true
		}
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
			k.add(s, s.joiner.Close(nil))
		default:
			k.add(s, s.joiner.Flush(nil, now.UnixNano()))
		}
		if k.keep(ctx) {
			k.note(name, s)
		}
	}
}

// end keeps what waits, and notes it if all of it could be kept.
func (k *lineKeeper) end() {
	for _, s := range k.services {
		k.add(s, s.joiner.Close(nil))
	}
	if k.handOver() == nil {
		for name, s := range k.services {
			k.note(name, s)
		}
	}
	k.save()
}

// keep keeps the records that are whole; it tries until it can, or ctx ends.
func (k *lineKeeper) keep(ctx context.Context) bool {
	for told := false; ; told = true {
		err := k.handOver()
		if err == nil {
			return true
		}
		if !told {
			k.log.Warn("lines wait: they cannot be kept", "error", err)
		}
		select {
		case <-time.After(linesRetry):
		case <-ctx.Done():
			return false
		}
	}
}

// handOver keeps the records that are whole, a part at a time: what was kept is not
// tried again.
func (k *lineKeeper) handOver() error {
	for len(k.out) > 0 {
		n := min(len(k.out), linesAtOnce)
		kept, err := k.append(k.out[:n:n])
		k.out = k.out[kept:]
		if err != nil {
			return err
		}
	}
	k.out = nil // it is the store's now
	return nil
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
