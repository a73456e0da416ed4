package alert

import (
	"maps"
	"slices"
	"time"
)

const (
	// groupWait is how long a first alert waits for others of its rule.
	groupWait = 10 * time.Second
	// groupInterval is how long a change waits after a notification.
	groupInterval = time.Minute
	// repeatInterval is how often what goes on is told again.
	repeatInterval = 4 * time.Hour
	// A notification that failed is tried again after firstRetry, then twice as long,
	// up to mostRetry.
	firstRetry, mostRetry = 5 * time.Second, 5 * time.Minute
	// giveUp is when the end of an alert is not told any more.
	giveUp = 24 * time.Hour
	// maxTold bounds the alerts of one notification.
	maxTold = 100
)

// ledger knows what each receiver was told, and what is to be told next. It knows no
// clock. Alerts of one rule are told together.
type ledger struct {
	receivers map[string]*account
}

// account is what one receiver was told.
type account struct {
	receiver Receiver
	busy     bool              // a notification is under way
	groups   map[string]*group // by rule
}

// group is the alerts of one rule, as far as one receiver is concerned.
type group struct {
	now  map[string]Active // that fire, by their labels
	told map[string]Active // that the receiver takes for firing
	// since is when now began to differ from told; zero: it does not.
	since time.Time
	// last is when the receiver was told last; zero: never.
	last time.Time
	// next is when to try again what failed, so many times.
	next     time.Time
	failures int
}

// notice is what a receiver is to be told.
type notice struct {
	receiver Receiver
	rule     string
	firing   []Active
	resolved []Active
	omitted  int // alerts that are left out: there are too many
	whole    map[string]Active
	at       time.Time
}

func newLedger() *ledger { return &ledger{receivers: map[string]*account{}} }

// apply makes receivers those that are told. What one of the same name was told
// stays known.
func (l *ledger) apply(receivers []Receiver) {
	before := l.receivers
	l.receivers = make(map[string]*account, len(receivers))
	for _, r := range receivers {
		a := before[r.Name]
		if a == nil {
			a = &account{groups: map[string]*group{}}
		}
		a.receiver = r
		l.receivers[r.Name] = a
	}
}

// update takes the alerts that fire, by rule.
func (l *ledger) update(now time.Time, firing map[string][]Active) {
	for _, a := range l.receivers {
		for rule := range firing {
			if a.groups[rule] == nil {
				a.groups[rule] = &group{told: map[string]Active{}}
			}
		}
		for rule, g := range a.groups {
			g.set(now, firing[rule])
			if len(g.now) == 0 && (len(g.told) == 0 || !g.since.IsZero() && now.Sub(g.since) > giveUp) {
				delete(a.groups, rule)
			}
		}
	}
}

func (g *group) set(now time.Time, firing []Active) {
	g.now = make(map[string]Active, len(firing))
	for _, x := range firing {
		g.now[x.Labels.String()] = x
	}
	same := maps.EqualFunc(g.now, g.told, func(a, b Active) bool { return a.Fired.Equal(b.Fired) })
	switch {
	case same:
		g.since = time.Time{}
	case g.since.IsZero():
		g.since = now
	}
}

// due is when something is to be told of the group; false: nothing is.
func (g *group) due() (time.Time, bool) {
	var at time.Time
	switch {
	case !g.since.IsZero() && g.last.IsZero():
		at = g.since.Add(groupWait)
	case !g.since.IsZero():
		at = later(g.since, g.last.Add(groupInterval))
	case len(g.now) > 0:
		at = g.last.Add(repeatInterval)
	default:
		return at, false
	}
	return later(at, g.next), true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// take returns what is to be told now, one notice for each receiver that is not
// busy, and how long until there is more; less than zero: until something changes.
func (l *ledger) take(now time.Time) ([]notice, time.Duration) {
	var out []notice
	wait := time.Duration(-1)
	for _, name := range slices.Sorted(maps.Keys(l.receivers)) {
		a := l.receivers[name]
		if a.busy {
			continue // done brings it back
		}
		rule, at, ok := a.first()
		switch {
		case !ok:
		case !at.After(now):
			a.busy = true
			out = append(out, a.notice(rule, now))
		case wait < 0 || at.Sub(now) < wait:
			wait = at.Sub(now)
		}
	}
	return out, wait
}

// first is the group that is due first.
func (a *account) first() (rule string, at time.Time, ok bool) {
	for _, name := range slices.Sorted(maps.Keys(a.groups)) {
		if t, due := a.groups[name].due(); due && (!ok || t.Before(at)) {
			rule, at, ok = name, t, true
		}
	}
	return rule, at, ok
}

func (a *account) notice(rule string, now time.Time) notice {
	g := a.groups[rule]
	n := notice{receiver: a.receiver, rule: rule, whole: maps.Clone(g.now), at: now}
	for _, key := range slices.Sorted(maps.Keys(g.now)) {
		n.firing = append(n.firing, g.now[key])
	}
	for _, key := range slices.Sorted(maps.Keys(g.told)) {
		if _, still := g.now[key]; !still {
			gone := g.told[key]
			gone.State, gone.Ended = Resolved, g.since
			n.resolved = append(n.resolved, gone)
		}
	}
	all := len(n.firing) + len(n.resolved)
	n.firing = n.firing[:min(len(n.firing), maxTold)]
	n.resolved = n.resolved[:min(len(n.resolved), maxTold-len(n.firing))]
	n.omitted = all - len(n.firing) - len(n.resolved)
	return n
}

// done takes the outcome of a notice. Final says that trying again soon is no use.
func (l *ledger) done(n notice, now time.Time, err error, final bool) {
	a := l.receivers[n.receiver.Name]
	if a == nil {
		return
	}
	a.busy = false
	g := a.groups[n.rule]
	if g == nil {
		return
	}
	if err != nil {
		g.next = now.Add(min(firstRetry<<min(g.failures, 10), mostRetry))
		if final {
			g.next = now.Add(mostRetry)
		}
		g.failures++
		return
	}
	g.told, g.last, g.next, g.failures = n.whole, now, time.Time{}, 0
	g.set(now, slices.Collect(maps.Values(g.now)))
}
