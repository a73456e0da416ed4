package point

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// joiner joins the series of classic histograms, or of summaries, into points.
type joiner struct {
	family    *Family
	resources *Resources
	of        map[string]*joined
	order     []*joined
}

// joined are the series that differ in nothing but the bound or quantile.
type joined struct {
	labels metrics.Labels
	at     map[int64]*moment
}

// moment is what they say at one time.
type moment struct {
	parts      []part
	sum        float64
	count      float64
	has, ended bool // the count
}

// part is the value of a bucket or a quantile.
type part struct{ at, value float64 }

// add takes a series: <name>_bucket, _sum, _count, or that of a quantile.
func (j *joiner) add(name string, s *metrics.Stretch) {
	own := "quantile"
	if j.family.Kind == "histogram" {
		own = "le"
	}
	rest := s.Labels.Without(metrics.NameLabel, own)
	var b strings.Builder
	for _, l := range rest {
		b.WriteString(l.Name + "\x00" + l.Value + "\x00")
	}
	g := j.of[b.String()]
	if g == nil {
		g = &joined{labels: rest, at: map[int64]*moment{}}
		if j.of == nil {
			j.of = map[string]*joined{}
		}
		j.of[b.String()] = g
		j.order = append(j.order, g)
	}
	bound, err := strconv.ParseFloat(s.Labels.Get(own), 64)
	for _, p := range s.Points {
		m := g.at[p.Time]
		if m == nil {
			m = &moment{}
			g.at[p.Time] = m
		}
		switch {
		case metrics.IsStale(p.Value):
			m.ended = true
		case name == j.family.Name+sum:
			m.sum = p.Value
		case name == j.family.Name+count:
			m.count, m.has = p.Value, true
		case err == nil:
			m.parts = append(m.parts, part{bound, p.Value})
		}
	}
}

// points are what was joined, each series by time.
func (j *joiner) points() []Point {
	if len(j.order) == 0 {
		return nil
	}
	metric := j.family.metric(Summary)
	if j.family.Kind == "histogram" {
		metric.Type = Histogram
	}
	var all []Point
	for _, g := range j.order {
		resource, attrs := j.resources.split(g.labels)
		from := len(all)
		for at, m := range g.at {
			p := Point{Metric: metric, Resource: resource, Attrs: attrs, Time: at * 1e6, Ended: m.ended}
			if !m.ended {
				m.fill(&p)
			}
			all = append(all, p)
		}
		slices.SortFunc(all[from:], func(a, b Point) int { return cmp.Compare(a.Time, b.Time) })
	}
	return all
}

func (m *moment) fill(p *Point) {
	slices.SortFunc(m.parts, func(a, b part) int { return cmp.Compare(a.at, b.at) })
	p.Sum = m.sum
	if p.Metric.Type == Summary {
		p.Count = whole(m.count)
		for _, q := range m.parts {
			p.Quantiles = append(p.Quantiles, Quantile{q.at, q.value})
		}
		return
	}
	below := uint64(0)
	for _, b := range m.parts {
		n := max(whole(b.value), below) // a bucket holds those below it, too
		p.Counts = append(p.Counts, n-below)
		below = n
		if !math.IsInf(b.at, 1) {
			p.Bounds = append(p.Bounds, b.at)
		}
	}
	p.Count = below
	if m.has {
		p.Count = max(whole(m.count), below)
	}
	if len(p.Counts) == len(p.Bounds) { // there was none for all
		p.Counts = append(p.Counts, p.Count-below)
	} else {
		p.Count = below
	}
}

// whole is a count that was kept as a number.
func whole(v float64) uint64 {
	if !(v > 0) {
		return 0
	}
	return uint64(min(v, 1<<63))
}
