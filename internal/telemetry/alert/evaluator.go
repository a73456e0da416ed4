package alert

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// Store is where rules look and recordings go.
type Store interface {
	Query(ctx context.Context, expr string, at time.Time) (*metrics.Result, error)
	Append(ctx context.Context, samples []metrics.Sample) error
}

// Options of an Evaluator.
type Options struct {
	Store Store
	// App is the app's name, which notifications say.
	App string
	// File keeps what is pending and firing, and what was told, across restarts.
	// Empty: nothing is kept.
	File string
	// Dashboard is the URL that notifications lead to. nil: none.
	Dashboard func() string
	// Changed is called when an alert began or ended to be pending or to fire. It
	// must not wait. May be nil.
	Changed func()
	// Now tells the time. Nil: time.Now.
	Now func() time.Time
	Log *slog.Logger
}

// Evaluator evaluates rules and tells receivers of what they find.
type Evaluator struct {
	options Options

	// saving is held while the file is written, and taken before mu.
	saving sync.Mutex

	mu       sync.Mutex
	tracks   []*track
	told     *ledger
	restored map[string][]Active // of rules that were not applied yet, by name
	series   map[string]metrics.Labels
	wake     chan struct{}
	saved    time.Time // of evaluate alone
}

// New returns an evaluator that does nothing before Run. It goes on with what its
// file says.
func New(o Options) *Evaluator {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	if o.Dashboard == nil {
		o.Dashboard = func() string { return "" }
	}
	e := &Evaluator{options: o, told: newLedger(), series: map[string]metrics.Labels{}, wake: make(chan struct{}, 1)}
	e.restore()
	return e
}

// Apply makes rules and receivers those in force. Alerts of rules that stay are kept.
func (e *Evaluator) Apply(rules []Rule, receivers []Receiver) {
	e.mu.Lock()
	defer e.mu.Unlock()
	known := e.restored
	if known == nil {
		known = map[string][]Active{}
	}
	past := map[string][]Active{}
	for _, t := range e.tracks {
		known[t.rule.Name], past[t.rule.Name] = t.list(), t.past
	}
	e.tracks, e.restored = nil, nil
	for _, r := range rules {
		t := newTrack(r)
		if !r.Recording {
			t.adopt(known[r.Name])
			t.past = past[r.Name]
		}
		e.tracks = append(e.tracks, t)
	}
	// Recordings first, so that alerts see what they made of the same moment.
	slices.SortStableFunc(e.tracks, func(a, b *track) int {
		switch {
		case a.rule.Recording == b.rule.Recording:
			return 0
		case a.rule.Recording:
			return -1
		}
		return 1
	})
	e.told.apply(receivers)
	e.nudge()
}

// Rules are the rules in force and how they stand: recordings, then alerts.
func (e *Evaluator) Rules() []RuleStatus {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]RuleStatus, len(e.tracks))
	for i, t := range e.tracks {
		out[i] = t.status()
	}
	return out
}

// Run evaluates and tells until ctx ends, which is its error then.
func (e *Evaluator) Run(ctx context.Context) error {
	var telling sync.WaitGroup
	telling.Go(func() { e.tell(ctx) })
	defer telling.Wait()
	tick := time.NewTicker(Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			e.evaluate(ctx)
		}
	}
}

// evaluate evaluates all rules once.
func (e *Evaluator) evaluate(ctx context.Context) {
	e.mu.Lock()
	tracks := slices.Clone(e.tracks)
	e.mu.Unlock()
	now := e.options.Now()
	changed := false
	for _, t := range tracks {
		began := e.options.Now()
		result, err := e.options.Store.Query(ctx, t.rule.Expr, now)
		if ctx.Err() != nil {
			return
		}
		if err == nil && t.rule.Recording {
			err = e.options.Store.Append(ctx, recorded(t.rule, result, now))
		}
		e.mu.Lock()
		before := t.changes
		t.last, t.took = now, e.options.Now().Sub(began)
		if err == nil && !t.rule.Recording {
			t.step(now, alerting(result))
		}
		e.note(t, err)
		changed = changed || t.changes != before
		e.mu.Unlock()
	}
	e.mu.Lock()
	e.told.update(now, e.firing())
	samples := e.states(now)
	e.mu.Unlock()
	if err := e.options.Store.Append(ctx, samples); err != nil && ctx.Err() == nil {
		e.options.Log.Warn("the states of alerts cannot be kept as metrics", "error", err)
	}
	e.nudge()
	// What is pending is forgotten after an outage, so that the file must say when
	// it was known last.
	if changed || e.options.File != "" && now.Sub(e.saved) > outage/10 {
		e.saved = now
		e.save()
	}
	if changed {
		e.options.Changed()
	}
}

// note keeps the error of an evaluation, and says it once.
func (e *Evaluator) note(t *track, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != t.err && text != "" {
		e.options.Log.Warn("a rule cannot be evaluated", "rule", t.rule.Name, "error", err)
	}
	t.err = text
}

// firing are the alerts that fire, of all rules, by the rules' names.
func (e *Evaluator) firing() map[string][]Active {
	out := map[string][]Active{}
	for _, t := range e.tracks {
		for _, a := range t.list() {
			if a.State == Firing {
				out[t.rule.Name] = append(out[t.rule.Name], a)
			}
		}
	}
	return out
}

func (e *Evaluator) nudge() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}
