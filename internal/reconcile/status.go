package reconcile

import (
	"cmp"
	"maps"
	"slices"

	"github.com/banyanrun/banyan/internal/model"
)

// Summarize says how each service is, in the order of names. A service that is
// not wanted any more is listed as long as it has instances.
func Summarize(d Desired, obs *model.Observed, plan Plan) []model.ServiceStatus {
	c := &computation{desired: d, obs: obs, byService: group(obs)}
	names := map[string]bool{}
	if d.App != nil {
		for name := range d.App.Services {
			names[name] = true
		}
	}
	for name := range c.byService {
		names[name] = true
	}
	list := make([]model.ServiceStatus, 0, len(names))
	for _, name := range slices.Sorted(maps.Keys(names)) {
		list = append(list, c.summarize(name, plan.Waiting[name]))
	}
	return list
}

func (c *computation) summarize(name, waiting string) model.ServiceStatus {
	s := c.spec(name)
	if s == nil {
		s = &model.Service{Name: name}
	}
	st := model.ServiceStatus{Service: s}
	for _, i := range c.byService[name] {
		st.Instances = append(st.Instances, *i)
	}
	if s.LeftOut != "" && len(st.Instances) == 0 {
		st.State, st.Reason = model.StateLeftOut, s.LeftOut
		return st
	}
	revision, _, known := c.target(s)
	if s.Spec == nil || c.desired.Down {
		c.leaving(&st)
		return st
	}
	st.Revision = revision
	for _, i := range st.Instances {
		if serves(&i) {
			st.Ready++
		}
		st.Updating = st.Updating || i.Revision != revision || i.Retiring && i.Phase.Alive()
	}
	if s.Job != nil {
		st.NextRun = NextRun(s, c.obs.LastRun[name])
	}
	c.state(&st, known, waiting)
	return st
}

// leaving is the state of a service that goes.
func (c *computation) leaving(st *model.ServiceStatus) {
	st.State, st.Updating = model.State(model.Stopped), len(st.Instances) > 0
	for _, i := range st.Instances {
		if i.Phase.Alive() {
			st.State, st.Reason = model.State(model.Stopping), i.Reason
			if !i.Retiring {
				st.State = model.State(i.Phase)
			}
		}
	}
}

// state picks the one state that says most: what is wrong first.
func (c *computation) state(st *model.ServiceStatus, known bool, waiting string) {
	s := st.Service
	if b := c.obs.Builds[s.BuildKey]; s.BuildKey != "" && !known {
		st.State, st.Updating = model.StateBuilding, len(st.Instances) > 0
		if b != nil && b.Failed {
			st.State, st.Reason, st.Details = model.State(model.Failed), b.Reason, b.Details
		}
		return
	}
	worst := c.worst(st)
	switch {
	case worst != nil:
		st.State, st.Reason, st.Details = model.State(worst.Phase), worst.Reason, worst.Details
		if s.Job != nil && worst.Phase == model.Ready {
			st.State, st.Reason = model.State(model.Starting), "runs"
		}
	case s.Job != nil && s.Job.Schedule != "":
		st.State = model.StateScheduled
	case s.Replicas == 0 && s.Job == nil:
		st.State, st.Reason = model.State(model.Stopped), "is scaled to 0"
	default:
		st.State, st.Reason = model.StateWaiting, waiting
	}
	if waiting != "" && (worst == nil || st.State == model.State(model.Ready)) {
		st.State, st.Reason = model.StateWaiting, waiting
	}
	if need, ok := c.obs.Needs[s.Identity()]; ok && !need.Failed && st.State == model.StateWaiting {
		st.State = model.State(model.Starting)
	}
	if s.Job != nil && s.Job.Schedule != "" && (st.State == model.State(model.Completed)) {
		st.State = model.StateScheduled
	}
}

// gravity orders phases by how much a person needs to know of them.
var gravity = map[model.Phase]int{
	model.Failed: 6, model.BackingOff: 5, model.Unready: 4, model.Starting: 3, model.Completed: 1, model.Ready: 0,
}

// worst is the instance of the wanted revision that is least well; while there
// is none, of any.
func (c *computation) worst(st *model.ServiceStatus) *model.Instance {
	var worst *model.Instance
	current := slices.ContainsFunc(st.Instances, func(i model.Instance) bool { return !i.Retiring && i.Revision == st.Revision })
	for n := range st.Instances {
		i := &st.Instances[n]
		if i.Retiring || current && i.Revision != st.Revision {
			continue
		}
		if worst == nil || cmp.Less(gravity[worst.Phase], gravity[i.Phase]) {
			worst = i
		}
	}
	return worst
}
