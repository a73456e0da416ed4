package reconcile

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/model"
)

// Effects carries out what Compute decided. Its methods are called by the loop,
// one at a time; they begin the work and return at once, and what comes of it is
// told to the loop. Instances and services that they are given are copies, or
// are never changed.
type Effects interface {
	// Build makes the build of the service's BuildKey, then calls Loop.Built.
	Build(s *model.Service)
	// Start starts the instance's process as its Of says, then calls Loop.Started
	// and later Loop.Ready, Loop.Unready and, in any case, Loop.Exited, all with the
	// instance's Run.
	Start(i model.Instance)
	// Stop ends the instance's process; Loop.Exited follows. wanted is its service
	// now, nil if it is wanted no more: how it is stopped is no part of a revision.
	Stop(i model.Instance, wanted *model.Service, kill bool)
	// Publish gives the data plane the instances that get requests and returns a
	// number that Loop.Acked is told later. Numbers grow.
	Publish(routed []model.Instance) uint64
	// Busy reports whether the data plane may still have requests in flight to an
	// instance that is in none of the routes that it has acknowledged.
	Busy(instance string) bool
	// Save, Forget and SaveCounters keep the observed state. Calls are carried
	// out in order; they need not be durable at once.
	Save(i model.Instance)
	Forget(i model.Instance)
	// ForgetBuild drops a build that no instance uses and none will.
	ForgetBuild(b model.Build)
	SaveCounters(service string, number int, lastRun time.Time)
	// Changed says that the status is another one now.
	Changed()
}

// Loop owns the observed state. Its exported methods are safe for concurrent
// use; each hands an event to the one goroutine that runs Run.
type Loop struct {
	effects Effects
	log     *slog.Logger
	events  chan event
	done    chan struct{}

	// Only the goroutine of Run touches what follows.
	desired Desired
	obs     *model.Observed
	plan    Plan
	dirty   map[string]bool
	routed  []model.Instance
	dropped map[string]uint64 // draining instance → number of the first routes without it
	number  uint64            // of the last routes
	acked   uint64            // of the last routes that the data plane acknowledged
	rebuilt bool              // routes must be published though the set is the same
	timer   *time.Timer
	settled time.Time     // when the last plan was carried out
	took    time.Duration // how long it took
}

// NewLoop returns a loop that begins with what an earlier daemon observed.
func NewLoop(effects Effects, log *slog.Logger, desired Desired, obs *model.Observed) *Loop {
	return &Loop{
		effects: effects, log: log, desired: desired, obs: obs,
		events: make(chan event, 256), done: make(chan struct{}), dirty: map[string]bool{}, dropped: map[string]uint64{},
		rebuilt: true, timer: time.NewTimer(0),
	}
}

// Run takes in events until ctx ends. It must be called once.
func (l *Loop) Run(ctx context.Context) error {
	defer close(l.done)
	defer l.timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-l.events:
			l.take(ctx, e)
		case <-l.timer.C:
			l.settle(time.Now())
		}
	}
}

// event is something that happened, or a look at the state, which changes nothing.
type event struct {
	do   func()
	look bool
}

// take takes in an event and those behind it, so that a burst costs one plan.
// Whoever looks sees what came before, carried out.
func (l *Loop) take(ctx context.Context, e event) {
	news := false
	pause := time.NewTimer(l.rest())
	defer pause.Stop()
	for {
		if e.look && news {
			l.settle(time.Now())
			news = false
		}
		e.do()
		news = news || !e.look
		if !news && len(l.events) == 0 {
			return
		}
		select {
		case e = <-l.events:
			continue
		case <-pause.C:
		case <-ctx.Done():
		}
		l.settle(time.Now())
		return
	}
}

// restMost bounds how long events are gathered before the next plan.
const restMost = 20 * time.Millisecond

// rest is how long to gather events now: as long as the last plan took, so that
// a burst of events in a large app leaves half of the time to others.
func (l *Loop) rest() time.Duration {
	return min(l.took, restMost) - time.Since(l.settled)
}

// sleepMost bounds how long the loop sleeps towards a time: timers stand still
// while a laptop sleeps, and the wall clock may be set.
const sleepMost = time.Minute

// maxRounds bounds how often a plan's own effects lead to another plan at once.
const maxRounds = 20

// settle computes and applies plans until there is nothing to do now.
func (l *Loop) settle(now time.Time) {
	for range maxRounds {
		l.plan = Compute(l.desired, l.obs, now)
		if len(l.plan.Actions) == 0 {
			break
		}
		for _, a := range l.plan.Actions {
			l.apply(a, now)
		}
	}
	l.publish()
	for id := range l.dirty {
		if i := l.obs.Instances[id]; i != nil {
			l.effects.Save(*i)
		}
	}
	clear(l.dirty)
	l.timer.Stop()
	if !l.plan.Wake.IsZero() {
		l.timer.Reset(min(time.Until(l.plan.Wake), sleepMost))
	}
	l.effects.Changed()
	l.settled = time.Now()
	l.took = l.settled.Sub(now)
}

func (l *Loop) apply(a Action, now time.Time) {
	switch a := a.(type) {
	case Build:
		s := l.desired.App.Services[a.Service]
		l.obs.Builds[a.Key] = &model.Build{Service: a.Service, Key: a.Key, Started: now}
		l.effects.Build(s)
	case Create:
		l.create(a, now)
	case Start:
		i := l.change(a.Instance)
		i.Phase, i.Run, i.Started = model.Starting, i.Run+1, time.Time{}
		l.effects.Save(*i)
		l.effects.Start(*i)
	case Retire:
		i := l.change(a.Instance)
		i.Retiring, i.Reason, i.Details = true, a.Why, nil
	case Drain:
		i := l.change(a.Instance)
		i.Phase, i.Deadline = model.Draining, a.Deadline
		l.unroute(i)
	case Stop:
		i := l.change(a.Instance)
		i.Phase, i.Reason, i.Killed = model.Stopping, a.Why, i.Killed || a.Kill
		l.effects.Stop(*i, l.service(i.Service), a.Kill)
	case Remove:
		i := l.obs.Instances[a.Instance]
		l.effects.Forget(*i)
		delete(l.obs.Instances, a.Instance)
		delete(l.dropped, a.Instance)
		l.pruneBuilds()
	default:
		panic(fmt.Sprintf("reconcile: unknown action %T", a))
	}
}

func (l *Loop) create(a Create, now time.Time) {
	l.obs.Numbers[a.Service]++
	number, s := l.obs.Numbers[a.Service], l.service(a.Service)
	i := &model.Instance{
		ID: fmt.Sprintf("%s-%d", a.Service, number), Service: a.Service, Of: s,
		Revision: a.Revision, OutDir: a.OutDir, Phase: model.Starting, Run: 1, Created: now,
	}
	l.obs.Instances[i.ID] = i
	if s.Job != nil {
		l.obs.LastRun[a.Service] = now
		delete(l.obs.RunNow, a.Service)
	}
	l.effects.SaveCounters(a.Service, number, l.obs.LastRun[a.Service])
	l.effects.Save(*i)
	l.effects.Start(*i)
}

// pruneBuilds drops the builds that are neither wanted nor in use. Services whose
// builds are the same share one, so it looks at all of them.
func (l *Loop) pruneBuilds() {
	wanted, used := map[string]bool{}, map[string]bool{}
	if l.desired.App != nil {
		for _, s := range l.desired.App.Services {
			wanted[s.BuildKey] = true
		}
	}
	for _, i := range l.obs.Instances {
		used[i.OutDir] = true
	}
	for key, b := range l.obs.Builds {
		if (b.Done || b.Failed) && !wanted[key] && !used[b.Dir] {
			delete(l.obs.Builds, key)
			l.effects.ForgetBuild(*b)
		}
	}
}

func (l *Loop) service(name string) *model.Service {
	if l.desired.App == nil {
		return nil
	}
	return l.desired.App.Services[name]
}

// change returns an instance to be changed and saved.
func (l *Loop) change(id string) *model.Instance {
	l.dirty[id] = true
	return l.obs.Instances[id]
}

// publish sends the routes when the set of instances that serve is another one.
func (l *Loop) publish() {
	var routed []model.Instance
	for _, list := range group(l.obs) {
		for _, i := range list {
			if s := l.service(i.Service); serves(i) && s != nil && s.Job == nil {
				routed = append(routed, *i)
			}
		}
	}
	slices.SortFunc(routed, func(a, b model.Instance) int { return compareIDs(a.ID, b.ID) })
	if !l.rebuilt && slices.EqualFunc(routed, l.routed, sameRoute) {
		return
	}
	l.rebuilt, l.routed = false, routed
	l.number = l.effects.Publish(routed)
	for id, i := range l.obs.Instances {
		if _, ok := l.dropped[id]; !ok && i.Phase == model.Draining {
			l.dropped[id] = l.number
		}
	}
}

// unroute notes that a draining instance is not in the last routes already: it
// was unready. No other routes need to be published for it then.
func (l *Loop) unroute(i *model.Instance) {
	if l.number == 0 || slices.ContainsFunc(l.routed, func(r model.Instance) bool { return r.ID == i.ID }) {
		return
	}
	l.dropped[i.ID] = l.number
	if l.number <= l.acked {
		i.Unrouted, i.Drained = true, !l.effects.Busy(i.ID)
	}
}

func sameRoute(a, b model.Instance) bool {
	return a.ID == b.ID && a.Port == b.Port && a.Revision == b.Revision
}

func compareIDs(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}
