// Package reconcile decides what to do next so that what is becomes what should
// be. Compute is pure: the same state and time give the same plan. Loop owns the
// observed state, takes in events one at a time, and hands the plan's actions to
// whoever carries them out.
//
// What Compute promises: it converges when the world cooperates; a service never
// has more instances than its replicas plus the surge of an update; and an
// instance that serves is never taken away to be replaced before as many serve
// as should (the strategy recreate excepted).
package reconcile

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
)

// Desired is what should be, and on what.
type Desired struct {
	App      *model.App // nil: nothing was applied yet
	Capacity model.Capacity
	// Down: everything stops, callers before callees. Force: at once.
	Down, Force bool
}

// Plan is what to do now.
type Plan struct {
	// Actions in the order in which to begin them; none waits for another.
	Actions []Action
	// Wake is when to compute again if nothing happens before. Zero: no need.
	Wake time.Time
	// Waiting says, by service, why nothing is done though something is wanted.
	Waiting map[string]string
}

// Action is one thing to do. It is one of Build, Create, Start, Retire, Drain,
// Stop and Remove.
type Action interface{ isAction() }

// Build makes the service's build of Key.
type Build struct{ Service, Key string }

// Create makes a new instance of the revision and starts it.
type Create struct{ Service, Revision, OutDir string }

// Start starts an instance again that had ended.
type Start struct{ Instance string }

// Retire marks an instance: it will go and not come back.
type Retire struct{ Instance, Why string }

// Drain takes an instance out of the routes and waits for its requests, until Deadline.
type Drain struct {
	Instance string
	Deadline time.Time
}

// Stop ends an instance's process: stop signal, grace period, kill. Kill skips the first two.
type Stop struct {
	Instance, Why string
	Kill          bool
}

// Remove forgets an instance that has ended.
type Remove struct{ Instance string }

func (Build) isAction()  {}
func (Create) isAction() {}
func (Start) isAction()  {}
func (Retire) isAction() {}
func (Drain) isAction()  {}
func (Stop) isAction()   {}
func (Remove) isAction() {}

// Compute returns what to do to bring observed nearer to desired. It changes
// neither of them.
func Compute(d Desired, obs *model.Observed, now time.Time) Plan {
	c := &computation{desired: d, obs: obs, now: now, byService: group(obs)}
	c.plan.Waiting = map[string]string{}
	switch {
	case d.Down:
		c.down()
	case d.App != nil:
		c.free = c.unreserved()
		for _, name := range slices.Sorted(maps.Keys(d.App.Services)) {
			c.service(d.App.Services[name])
		}
		c.strays()
	}
	for _, id := range slices.Sorted(maps.Keys(obs.Instances)) {
		c.advance(obs.Instances[id])
	}
	return c.plan
}

// RevisionID names the revision of a configuration and a build's digest ("" without a build).
func RevisionID(configHash, digest string) string {
	sum := sha256.Sum256([]byte(configHash + "\x00" + digest))
	return hex.EncodeToString(sum[:4])
}

type computation struct {
	desired   Desired
	obs       *model.Observed
	now       time.Time
	byService map[string][]*model.Instance // by creation
	free      model.Capacity
	plan      Plan
}

func group(obs *model.Observed) map[string][]*model.Instance {
	m := map[string][]*model.Instance{}
	for _, i := range obs.Instances {
		m[i.Service] = append(m[i.Service], i)
	}
	for _, list := range m {
		slices.SortFunc(list, func(a, b *model.Instance) int {
			return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
		})
	}
	return m
}

func (c *computation) do(a Action) { c.plan.Actions = append(c.plan.Actions, a) }

func (c *computation) wait(service, format string, args ...any) {
	c.plan.Waiting[service] = fmt.Sprintf(format, args...)
}

func (c *computation) wakeAt(t time.Time) {
	if c.plan.Wake.IsZero() || t.Before(c.plan.Wake) {
		c.plan.Wake = t
	}
}

// target is the revision that a service should have. ok is false while it is
// not known because its build is not done.
func (c *computation) target(s *model.Service) (revision, outDir string, ok bool) {
	if s.BuildKey == "" {
		return RevisionID(s.ConfigHash, ""), "", true
	}
	b := c.obs.Builds[s.BuildKey]
	if b == nil || !b.Done {
		return "", "", false
	}
	return RevisionID(s.ConfigHash, b.Digest), b.Dir, true
}

// service plans the instances of one service.
func (c *computation) service(s *model.Service) {
	if s.LeftOut != "" {
		return
	}
	revision, outDir, ok := c.target(s)
	if !ok {
		c.build(s)
		c.shrink(s)
		return
	}
	if s.Job != nil {
		c.job(s, revision, outDir)
		return
	}
	if why := c.unprepared(s); why != "" {
		c.wait(s.Name, "%s", why) // what serves goes on, whatever the strategy is
		c.shrink(s)
		return
	}
	current, old, leaving := split(c.byService[s.Name], revision)
	for _, i := range surplus(current, s.Replicas) {
		c.do(Retire{i.ID, "there are more instances than replicas"})
	}
	missing := s.Replicas - len(current)
	if s.Spec.Update.Strategy == appfile.Recreate {
		c.recreate(s, old, leaving, missing, Create{s.Name, revision, outDir})
		return
	}
	c.roll(s, current, old, missing, Create{s.Name, revision, outDir})
}

func (c *computation) build(s *model.Service) {
	switch b := c.obs.Builds[s.BuildKey]; {
	case b == nil:
		if s.Of == "" { // otherwise the service that it belongs to builds it
			c.do(Build{s.Name, s.BuildKey})
		}
		c.wait(s.Name, "is being built")
	case b.Failed:
		c.wait(s.Name, "%s", b.Reason)
	default:
		c.wait(s.Name, "is being built")
	}
}

// shrink takes away what there is too much of while the wanted revision is not known.
func (c *computation) shrink(s *model.Service) {
	if s.Job != nil {
		return
	}
	current, old, _ := split(c.byService[s.Name], "")
	for _, i := range surplus(append(current, old...), s.Replicas) {
		c.do(Retire{i.ID, "there are more instances than replicas"})
	}
}

// recreate stops all old instances before the first new one is made.
func (c *computation) recreate(s *model.Service, old, leaving []*model.Instance, missing int, create Create) {
	for _, i := range old {
		c.do(Retire{i.ID, "it is replaced by revision " + create.Revision})
	}
	if len(old)+len(leaving) > 0 {
		c.wait(s.Name, "waits for the instances of the old revision to stop")
		return
	}
	for range missing {
		c.create(s, create)
	}
}

// roll replaces old instances by new ones, so that as many serve as should. Old
// ones that serve nobody go first, but only as far as new ones serve in their
// place: a bad update must not cost an old instance that was just restarting.
func (c *computation) roll(s *model.Service, current, old []*model.Instance, missing int, create Create) {
	why := "it is replaced by revision " + create.Revision
	serving := count(current, serves)
	var idle, oldServing []*model.Instance
	for _, i := range old {
		if serves(i) {
			oldServing = append(oldServing, i)
		} else {
			idle = append(idle, i)
		}
	}
	goes := min(max(serving+len(old)-s.Replicas, 0), len(idle))
	room := s.Replicas + surge(s.Replicas) - len(current) - len(old) + goes
	for range min(missing, room) {
		if !c.create(s, create) && len(current) == 0 && c.admit(s) != "" {
			goes = len(idle) // they hold the room that their replacement needs
			break
		}
	}
	for _, i := range idle[:goes] {
		c.do(Retire{i.ID, why})
	}
	for _, i := range oldServing[:min(max(serving+len(oldServing)-s.Replicas, 0), len(oldServing))] {
		c.do(Retire{i.ID, why})
	}
}

// surge is how many instances more than replicas an update may have: a quarter,
// at least one (Kubernetes' default for maxSurge).
func surge(replicas int) int { return max(1, replicas/4) }

// create makes an instance if what it depends on is there and it fits.
func (c *computation) create(s *model.Service, a Create) bool {
	why := c.unmet(s)
	if why == "" {
		why = c.admit(s)
	}
	if why != "" {
		c.wait(s.Name, "%s", why)
		return false
	}
	c.reserve(s)
	c.do(a)
	return true
}

// strays retires instances of services that are not wanted any more.
func (c *computation) strays() {
	for _, name := range slices.Sorted(maps.Keys(c.byService)) {
		s := c.desired.App.Services[name]
		if s != nil && s.LeftOut == "" {
			continue
		}
		why := "the service is not in the app file any more"
		if s != nil {
			why = "the service is left out: " + s.LeftOut
		}
		for _, i := range c.byService[name] {
			if !i.Retiring {
				c.do(Retire{i.ID, why})
			}
		}
	}
}

// split sorts a service's instances by revision; leaving are those that retire.
func split(list []*model.Instance, revision string) (current, old, leaving []*model.Instance) {
	for _, i := range list {
		switch {
		case i.Retiring:
			leaving = append(leaving, i)
		case i.Revision == revision:
			current = append(current, i)
		default:
			old = append(old, i)
		}
	}
	return current, old, leaving
}

// surplus picks the instances beyond want: those that do not serve first, then the youngest.
func surplus(list []*model.Instance, want int) []*model.Instance {
	if len(list) <= want {
		return nil
	}
	byWorth := slices.Clone(list)
	slices.SortStableFunc(byWorth, func(a, b *model.Instance) int {
		return cmp.Compare(worth(b), worth(a))
	})
	return byWorth[want:]
}

func worth(i *model.Instance) int {
	switch i.Phase {
	case model.Ready:
		return 2
	case model.Starting, model.Unready:
		return 1
	default:
		return 0
	}
}

func serves(i *model.Instance) bool { return i.Phase == model.Ready && !i.Retiring }

func count(list []*model.Instance, is func(*model.Instance) bool) int {
	n := 0
	for _, i := range list {
		if is(i) {
			n++
		}
	}
	return n
}
