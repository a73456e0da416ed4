package point

import (
	"slices"
	"strings"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// Family is a metric as Prometheus names it, and the names of the series that are kept
// of it.
type Family struct {
	Name  string
	Names []string
	Kind  string // of metrics.Metadata, or what the names say
	Help  string
	Unit  string
}

// The endings of the series that a histogram or summary consists of.
const (
	bucket = "_bucket"
	sum    = "_sum"
	count  = "_count"
)

// units are OpenTelemetry's words for those of Prometheus.
var units = map[string]string{"seconds": "s", "bytes": "By", "ratio": "1", "celsius": "Cel", "meters": "m", "grams": "g", "volts": "V", "amperes": "A", "joules": "J"}

// Families are the metrics that sorted names of series belong to. Described is what is
// known of them, by name; of others the names must say it.
func Families(names []string, described map[string]metrics.Metadata) []Family {
	there := make(map[string]bool, len(names))
	for _, n := range names {
		there[n] = true
	}
	var all []Family
	at := map[string]int{}
	for _, n := range names {
		base, kind := baseOf(n, there, described)
		i, known := at[base]
		if !known {
			i = len(all)
			at[base] = i
			d := described[base]
			if d == (metrics.Metadata{}) {
				d = described[strings.TrimSuffix(base, "_total")]
			}
			f := Family{Name: base, Kind: kind, Help: d.Help, Unit: d.Unit}
			if u, ok := units[d.Unit]; ok {
				f.Unit = u
			}
			all = append(all, f)
		}
		all[i].Names = append(all[i].Names, n)
	}
	return all
}

// baseOf is the metric that a series of a name belongs to, and its kind.
func baseOf(name string, there map[string]bool, described map[string]metrics.Metadata) (base, kind string) {
	for _, ending := range []string{bucket, sum, count} {
		base, ok := strings.CutSuffix(name, ending)
		if !ok || base == "" {
			continue
		}
		switch k := described[base].Type; {
		case k == "histogram", k == "summary":
			return base, k
		case k == "" && there[base+bucket] && there[base+count]:
			return base, "histogram"
		case k == "" && there[base] && there[base+sum] && there[base+count]:
			return base, "summary"
		}
	}
	switch d := described[name]; {
	case d.Type != "":
		return name, d.Type
	case there[name+bucket] && there[name+count]:
		return name, "histogram"
	case there[name+sum] && there[name+count]:
		return name, "summary"
	case strings.HasSuffix(name, "_total"):
		return name, "counter"
	}
	return name, "unknown"
}

// metric is the family's with a type.
func (f *Family) metric(t Type) *Metric {
	return &Metric{Name: f.Name, Help: f.Help, Unit: f.Unit, Type: t}
}

// Points are those of a family, by the time of each series. Left is how many samples
// have no place among them.
func (f *Family) Points(series map[string][]metrics.Stretch, of *Resources) (points []Point, left int) {
	flat := f.metric(Gauge)
	if f.Kind == "counter" {
		flat.Type = Sum
	}
	exponential, explicit := f.metric(Exponential), f.metric(Histogram)
	joined := joiner{family: f, resources: of}
	for _, name := range f.Names {
		for i := range series[name] {
			s := &series[name][i]
			left += s.Left
			if len(s.Histograms) > 0 || f.native(s, name) {
				p, n := distributions(s, of, exponential, explicit)
				points, left = append(points, p...), left+n
				continue
			}
			if f.Kind == "histogram" || f.Kind == "summary" {
				joined.add(name, s)
				continue
			}
			resource, attrs := of.split(s.Labels)
			for _, v := range s.Points {
				points = append(points, Point{
					Metric: flat, Resource: resource, Attrs: attrs, Time: v.Time * 1e6, Value: v.Value, Ended: metrics.IsStale(v.Value),
				})
			}
		}
	}
	return append(points, joined.points()...), left
}

// native reports whether a series of a histogram is one of histograms that has nothing
// here but its end.
func (f *Family) native(s *metrics.Stretch, name string) bool {
	return f.Kind == "histogram" && name == f.Name && !slices.ContainsFunc(s.Points, func(p metrics.Point) bool { return !metrics.IsStale(p.Value) })
}

// distributions are the points of a series of native histograms, whose metric is one of
// the two.
func distributions(s *metrics.Stretch, of *Resources, exponential, explicit *Metric) (points []Point, left int) {
	resource, attrs := of.split(s.Labels)
	last := exponential
	for i := range s.Histograms {
		h := &s.Histograms[i]
		if h.Gauge {
			left++ // OpenTelemetry has none that is not cumulative or a difference
			continue
		}
		p := Point{Metric: exponential, Resource: resource, Attrs: attrs, Time: h.Time * 1e6, Count: h.Count, Sum: h.Sum}
		if h.Bounds != nil {
			p.Metric, p.Bounds = explicit, h.Bounds
			p.Counts = append(slices.Clone(h.Positive.Counts), make([]uint64, max(0, len(h.Bounds)+1-len(h.Positive.Counts)))...)
		} else {
			p.Scale, p.Zero, p.ZeroThreshold = h.Scale, h.Zero, h.ZeroThreshold
			p.Positive, p.Negative = Buckets(h.Positive), Buckets(h.Negative)
		}
		points, last = append(points, p), p.Metric
	}
	for _, v := range s.Points {
		if metrics.IsStale(v.Value) {
			points = append(points, Point{Metric: last, Resource: resource, Attrs: attrs, Time: v.Time * 1e6, Ended: true})
		} else {
			left++
		}
	}
	return points, left
}
