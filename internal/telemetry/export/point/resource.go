package point

import (
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// The labels that say of whom a series is, and the metric that says more of them.
const (
	serviceLabel  = "service"
	instanceLabel = "instance"
	revisionLabel = "revision"
	// Target is the metric whose labels are the attributes of a resource.
	Target = "target_info"
)

type whose struct{ service, instance, revision string }

// Resources are those of whom series are. Points of the same are given the same.
type Resources struct {
	known map[whose]*signal.Resource
	attrs map[whose]signal.Attrs
	none  string
}

// NewResources returns those that series of Target describe. None is the service of
// series that do not say whose they are.
func NewResources(targets []metrics.Stretch, none string) *Resources {
	r := &Resources{known: map[whose]*signal.Resource{}, attrs: map[whose]signal.Attrs{}, none: none}
	for i := range targets {
		ls := targets[i].Labels
		key := whose{service: ls.Get(serviceLabel), instance: ls.Get(instanceLabel)}
		var attrs signal.Attrs
		for _, l := range ls.Without(metrics.NameLabel, serviceLabel, instanceLabel) {
			attrs = append(attrs, signal.Attr{Key: l.Name, Value: signal.Text(l.Value)})
		}
		r.attrs[key] = attrs
	}
	return r
}

// split returns whose a series is, and its attributes. A revision is the instance's
// only beside one: that of a series without an instance is an attribute.
func (r *Resources) split(ls metrics.Labels) (*signal.Resource, signal.Attrs) {
	key := whose{service: ls.Get(serviceLabel), instance: ls.Get(instanceLabel)}
	if key.instance != "" {
		key.revision = ls.Get(revisionLabel)
	}
	var attrs signal.Attrs
	for _, l := range ls {
		switch {
		case l.Name == metrics.NameLabel, l.Name == serviceLabel, l.Name == instanceLabel, l.Name == revisionLabel && key.instance != "":
		default:
			attrs = append(attrs, signal.Attr{Key: l.Name, Value: signal.Text(l.Value)})
		}
	}
	one := r.known[key]
	if one == nil {
		one = &signal.Resource{Service: key.service, Instance: key.instance, Revision: key.revision, Attrs: r.attrs[whose{key.service, key.instance, ""}]}
		if one.Service == "" {
			one.Service = r.none
		}
		r.known[key] = one
	}
	return one, attrs
}
