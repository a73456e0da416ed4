package export

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
	"github.com/banyanrun/banyan/internal/telemetry/store"
)

// Target is somebody to whom telemetry is sent.
type Target struct {
	// Name is for logs and metrics.
	Name string
	// Key tells the target from others, also across restarts: how far it has come is
	// noted by it. Wish tells when it has to be set up anew.
	Key, Wish string
	Signals   []Signal
	// Sender makes what sends to it; it is closed when the target goes.
	Sender func() Sender
}

// Options are what an Exporter needs.
type Options struct {
	Records *store.Store
	Series  Series
	// App is the app's name.
	App string
	// Skip reports whether records of a resource are not sent. Nil: all are.
	Skip func(*signal.Resource) bool
	// File is where it is noted how far targets have come, and Save replaces a file,
	// whole or not at all.
	File string
	Save func(name string, data []byte) error
	Log  *slog.Logger

	now   func() time.Time
	every time.Duration
}

// Exporter sends telemetry to targets. Make it by New, and Close it before the stores.
type Exporter struct {
	Options

	ledger *ledger
	ending chan struct{}
	ctx    context.Context //nolint:containedctx // of what it runs until Close
	stop   context.CancelFunc
	saving sync.WaitGroup

	mu      sync.Mutex
	targets map[string]*running // by key
}

// running is a target that is being sent to.
type running struct {
	Target

	sender Sender
	pipes  []*pipe
	stop   context.CancelFunc
	tasks  sync.WaitGroup
}

// New returns an exporter that sends nothing yet.
func New(o Options) *Exporter {
	if o.now == nil {
		o.now = time.Now
	}
	if o.Skip == nil {
		o.Skip = never
	}
	if o.every == 0 {
		o.every = each
	}
	e := &Exporter{Options: o, ending: make(chan struct{}), targets: map[string]*running{}}
	var err error
	if e.ledger, err = openLedger(o.File, o.Save); err != nil {
		o.Log.Warn("how far telemetry was exported cannot be read; what comes from now on is", "error", err)
	}
	if e.ledger.now.Origin == "" {
		e.ledger.change(func(b *book) { b.Origin = o.App + "-" + rand.Text()[:8] })
	}
	e.ctx, e.stop = context.WithCancel(context.Background())
	e.saving.Go(e.keepSaved)
	return e
}

// never is for where everything is sent.
func never(*signal.Resource) bool { return false }

// keepSaved writes down how far targets have come.
func (e *Exporter) keepSaved() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-tick.C:
		}
		err := e.ledger.write()
		if err != nil && !failing {
			e.Log.Warn("it cannot be noted how far telemetry was exported: a part may be sent twice", "error", err)
		}
		failing = err != nil
	}
}

// Apply makes the targets those that are given. One that is new is sent what comes from
// now on; one that was there before goes on where it was.
func (e *Exporter) Apply(targets []Target) {
	e.mu.Lock()
	defer e.mu.Unlock()
	wanted := map[string]Target{}
	for _, t := range targets {
		wanted[t.Key] = t
	}
	for key, r := range e.targets {
		if w, ok := wanted[key]; ok && w.Wish == r.Wish && w.Name == r.Name {
			continue
		}
		r.end()
		delete(e.targets, key)
	}
	e.ledger.change(func(b *book) {
		maps.DeleteFunc(b.Targets, func(key string, _ *progress) bool { _, ok := wanted[key]; return !ok })
	})
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if e.targets[key] == nil && e.ctx.Err() == nil {
			e.targets[key] = e.start(wanted[key])
		}
	}
}

// start begins to send to a target.
func (e *Exporter) start(t Target) *running {
	r := &running{Target: t, sender: t.Sender()}
	ctx, stop := context.WithCancel(e.ctx)
	r.stop = stop
	var at progress
	e.ledger.change(func(b *book) {
		if b.Targets[t.Key] == nil {
			b.Targets[t.Key] = &progress{Salt: rand.Text()[:12]}
		}
		at = *b.Targets[t.Key]
	})
	for _, signal := range t.Signals {
		p := &pipe{signal: signal, sender: r.sender, every: e.every, ending: e.ending, log: e.Log.With("target", t.Name, "signal", string(signal))}
		p.now.Target, p.now.Signal = t.Name, signal
		if err := e.connect(p, t.Key, &at); err != nil {
			p.log.Error("telemetry is not exported", "error", err)
			continue
		}
		r.pipes = append(r.pipes, p)
		r.tasks.Go(func() { p.run(ctx) })
	}
	return r
}

// connect gives a pipe its source, and notes where it begins.
func (e *Exporter) connect(p *pipe, key string, at *progress) error {
	note := func(set func(*progress)) func() {
		return func() { e.ledger.note(key, set) }
	}
	if p.signal == Metrics {
		r := &readings{series: e.Series, counter: &p.counter, service: "banyan", now: e.now, at: e.now().UnixMilli()}
		if at.Metrics != nil {
			r.at = *at.Metrics
		}
		p.source, p.saved = r, note(func(now *progress) { now.Metrics = new(r.at) })
		p.saved()
		return nil
	}
	kind, from := store.Spans, at.Traces
	if p.signal == Logs {
		kind, from = store.Logs, at.Logs
	}
	follow, err := e.Records.Follow(kind, from)
	if err != nil {
		return err
	}
	p.source = &records{signal: p.signal, follow: follow, origin: e.ledger.now.Origin, prefix: at.Salt + string(p.signal[:1]), counter: &p.counter, skip: e.Skip}
	p.saved = note(func(now *progress) {
		place := follow.Place()
		if p.signal == Logs {
			now.Logs = &place
		} else {
			now.Traces = &place
		}
	})
	p.saved()
	return nil
}

// end ends at once.
func (r *running) end() {
	r.stop()
	r.tasks.Wait()
	r.sender.Close()
}

// Close sends what is there, for as long as ctx allows and until a target fails, and
// ends. What was not sent then is sent when the program runs again.
func (e *Exporter) Close(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.ending)
	stop := context.AfterFunc(ctx, e.stop)
	defer stop()
	for _, r := range e.targets {
		r.tasks.Wait()
		r.end()
	}
	e.stop()
	e.saving.Wait()
	return e.ledger.write()
}

// Counts say how all targets stand, sorted.
func (e *Exporter) Counts() []Count {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []Count
	for _, r := range e.targets {
		for _, p := range r.pipes {
			c := p.read()
			c.Waiting = p.source.waiting()
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b Count) int {
		return strings.Compare(a.Target+"\x00"+string(a.Signal), b.Target+"\x00"+string(b.Signal))
	})
	return all
}
