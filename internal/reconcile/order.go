package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
)

// unprepared says what must be there before any instance of a service's revision
// is, and is not: what it needs outside of the app, and its migrated database.
func (c *computation) unprepared(s *model.Service) string {
	if need, ok := c.obs.Needs[s.Name]; ok {
		return need.Reason
	}
	job := c.desired.App.Services[s.Migration()]
	if job == nil || c.met(job, appfile.JobCompleted) {
		return ""
	}
	for _, i := range c.byService[job.Name] {
		if revision, _, ok := c.target(job); ok && i.Revision == revision && i.Phase == model.Failed {
			return "its database could not be migrated: " + i.Reason
		}
	}
	return "waits for its database to be migrated"
}

// unmet says what a service waits for by its depends_on; empty: nothing.
func (c *computation) unmet(s *model.Service) string {
	for _, name := range slices.Sorted(maps.Keys(s.Spec.DependsOn)) {
		dep := c.desired.App.Services[name]
		if dep == nil || dep.LeftOut != "" || c.met(dep, s.Spec.DependsOn[name].Condition) {
			continue
		}
		switch s.Spec.DependsOn[name].Condition {
		case appfile.JobCompleted:
			return fmt.Sprintf("waits for job %s to complete", name)
		case appfile.ServiceStarted:
			return fmt.Sprintf("waits for %s to start", name)
		default:
			return fmt.Sprintf("waits for %s to be ready", name)
		}
	}
	return ""
}

func (c *computation) met(dep *model.Service, condition string) bool {
	for _, i := range c.byService[dep.Name] {
		switch condition {
		case appfile.JobCompleted:
			revision, _, ok := c.target(dep)
			if ok && i.Revision == revision && i.Phase == model.Completed {
				return true
			}
		case appfile.ServiceStarted:
			if !i.Started.IsZero() {
				return true
			}
		default:
			if serves(i) {
				return true
			}
		}
	}
	return false
}

// unreserved is the machine's capacity less what instances have reserved. One
// that backs off keeps its reservation: it will be back.
func (c *computation) unreserved() model.Capacity {
	free := c.desired.Capacity
	for _, i := range c.obs.Instances {
		s := i.Of
		if s == nil || s.Spec.Resources == nil || !i.Phase.Alive() && (i.Phase != model.BackingOff || i.Retiring) {
			continue
		}
		free.CPU -= s.Spec.Resources.CPU
		free.Memory -= int64(s.Spec.Resources.Memory)
	}
	return free
}

// cpuSlack forgives rounding in sums of fractions of a core.
const cpuSlack = 1e-6

// admit says why an instance of s does not fit on the machine; empty: it does.
func (c *computation) admit(s *model.Service) string {
	need := s.Spec.Resources
	if need == nil {
		return ""
	}
	all := c.desired.Capacity
	var short []string
	if need.CPU > c.free.CPU+cpuSlack {
		short = append(short, fmt.Sprintf("%g cores (%.3g of the machine's %g are free)", need.CPU, max(c.free.CPU, 0), all.CPU))
	}
	if int64(need.Memory) > c.free.Memory {
		short = append(short, fmt.Sprintf("%s of memory (%s of the machine's %s are free)",
			need.Memory, appfile.Bytes(max(c.free.Memory, 0)), appfile.Bytes(all.Memory)))
	}
	if len(short) == 0 {
		return ""
	}
	return "does not fit on this machine: it needs " + strings.Join(short, " and ")
}

// reserve takes what an instance of s needs from what is free.
func (c *computation) reserve(s *model.Service) {
	if need := s.Spec.Resources; need != nil {
		c.free.CPU -= need.CPU
		c.free.Memory -= int64(need.Memory)
	}
}

// down retires everything, callers before those they call or depend on.
func (c *computation) down() {
	eligible := c.stoppable(needs)
	if len(eligible) == 0 && !c.stopping() {
		// Services that call each other in a circle: only depends_on is left to go by.
		eligible = c.stoppable(func(s *model.Service) []string { return slices.Collect(maps.Keys(s.Spec.DependsOn)) })
	}
	for _, name := range eligible {
		for _, i := range c.byService[name] {
			if !i.Retiring {
				c.do(Retire{i.ID, "the app goes down"})
			}
		}
	}
}

// needs are the services that s calls, may reach through a call, or depends on.
func needs(s *model.Service) []string {
	names := slices.Collect(maps.Keys(s.Spec.DependsOn))
	for callee, call := range s.Spec.Calls {
		names = append(names, callee)
		if call != nil {
			names = append(names, call.Targets()...)
		}
	}
	return names
}

// stopping reports whether an instance is on its way out.
func (c *computation) stopping() bool {
	for _, i := range c.obs.Instances {
		if i.Retiring {
			return true
		}
	}
	return false
}

// stoppable are the services that no other service needs any more.
func (c *computation) stoppable(needs func(*model.Service) []string) []string {
	needed := map[string]bool{}
	for name := range c.byService {
		s := c.spec(name)
		if s == nil || c.desired.Force {
			continue
		}
		for _, callee := range needs(s) {
			if callee != name {
				needed[callee] = true
			}
		}
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(c.byService)) {
		if !needed[name] {
			list = append(list, name)
		}
	}
	return list
}
