package alert

import (
	"maps"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

const (
	// maxActive bounds the alerts of one rule: an expression that returns a series a
	// request would fill memory.
	maxActive = 500
	// What is over is shown for pastFor, the latest maxPast of each rule.
	pastFor = time.Hour
	maxPast = 20
)

// Labels that an alert has beside those of its series.
const (
	nameLabel     = "alertname"
	severityLabel = "severity"
)

// track is a rule and what its evaluations found. It knows no clock.
type track struct {
	rule      Rule
	templates templates
	active    map[string]*Active // by their labels
	past      []Active
	// changes counts what a person would want to look at again for.
	changes int
	err     string
	last    time.Time
	took    time.Duration
}

func newTrack(r Rule) *track {
	return &track{rule: r, templates: parseTemplates(r), active: map[string]*Active{}}
}

// adopt takes what is known of an earlier track of the same name.
func (t *track) adopt(active []Active) {
	for _, a := range active {
		t.active[a.Labels.String()] = &a
	}
}

// step takes the series that the expression returned at a time.
func (t *track) step(now time.Time, series []metrics.Series) {
	found := map[string]bool{}
	for _, s := range series {
		if len(found) == maxActive {
			break
		}
		ls := t.labels(s.Labels)
		key := ls.String()
		if found[key] {
			continue // two series that differ in labels that the rule sets
		}
		found[key] = true
		a := t.active[key]
		if a == nil && len(t.active) >= maxActive {
			continue // others fire on for a while
		}
		if a == nil {
			a = &Active{Labels: ls, State: Pending, Since: now}
			t.active[key] = a
			t.changes++
		}
		a.Value, a.Ended = valueOf(s), time.Time{}
		a.Annotations = t.templates.expand(s.Labels, a.Value)
		if a.State == Pending && now.Sub(a.Since) >= t.rule.For {
			a.State, a.Fired = Firing, now
			t.changes++
		}
	}
	for key, a := range t.active {
		if !found[key] && t.over(a, now) {
			delete(t.active, key)
			t.changes++
		}
	}
	t.forget(now)
}

// over says that an alert whose expression does not hold is no more.
func (t *track) over(a *Active, now time.Time) bool {
	if a.State != Firing {
		return true
	}
	if a.Ended.IsZero() {
		a.Ended = now
	}
	if now.Sub(a.Ended) < t.rule.KeepFiring {
		return false
	}
	gone := *a
	gone.State, gone.Ended = Resolved, now
	t.past = append(t.past, gone)
	return true
}

func (t *track) forget(now time.Time) {
	t.past = slices.DeleteFunc(t.past, func(a Active) bool { return now.Sub(a.Ended) > pastFor })
	if n := len(t.past) - maxPast; n > 0 {
		t.past = slices.Delete(t.past, 0, n)
	}
}

// labels are those of an alert: the series' without its name, and the rule's.
func (t *track) labels(of metrics.Labels) metrics.Labels {
	ls := of.Without(metrics.NameLabel, nameLabel)
	for name, value := range t.rule.Labels {
		ls = append(ls.Without(name), metrics.Label{Name: name, Value: value})
	}
	ls = append(ls, metrics.Label{Name: nameLabel, Value: t.rule.Name})
	slices.SortFunc(ls, func(a, b metrics.Label) int { return metrics.Labels{a}.Compare(metrics.Labels{b}) })
	return ls
}

func valueOf(s metrics.Series) float64 {
	switch {
	case len(s.Points) > 0:
		return s.Points[len(s.Points)-1].Value
	case len(s.Histograms) > 0:
		return s.Histograms[len(s.Histograms)-1].Count
	}
	return 0
}

// list are the active alerts, those that fire first.
func (t *track) list() []Active {
	out := make([]Active, 0, len(t.active))
	for _, key := range slices.Sorted(maps.Keys(t.active)) {
		out = append(out, *t.active[key])
	}
	slices.SortStableFunc(out, func(a, b Active) int {
		switch {
		case a.State == b.State:
			return 0
		case a.State == Firing:
			return -1
		}
		return 1
	})
	return out
}

func (t *track) status() RuleStatus {
	s := RuleStatus{Rule: t.rule, State: Inactive, Active: t.list(), Past: slices.Clone(t.past), Error: t.err, Last: t.last, Took: t.took}
	if len(s.Active) > 0 {
		s.State = s.Active[0].State
	}
	return s
}
