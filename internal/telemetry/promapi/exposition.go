package promapi

import (
	"bufio"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// exposition serves the current value of every series, for a scraper outside: in
// OpenMetrics' format where that is accepted, in Prometheus' text format otherwise.
// Native histograms become classic ones. match[] chooses series, as /federate does.
func (a *api) exposition(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	chosen := r.Form["match[]"]
	if len(chosen) == 0 {
		chosen = []string{`{__name__!=""}`}
	}
	families := map[string]*family{}
	for _, selector := range chosen {
		if why := unfit(selector); why != "" {
			http.Error(w, why, http.StatusBadRequest)
			return
		}
		result, err := a.Store.Query(r.Context(), selector, a.Now())
		if err != nil {
			f := failureOf("match[]", err)
			http.Error(w, f.message, f.kind.status)
			return
		}
		for _, s := range result.Series {
			gather(families, s)
		}
	}
	e := exposer{meta: a.Store.Metadata(), open: strings.Contains(r.Header.Get("Accept"), "application/openmetrics-text")}
	if e.open {
		w.Header().Set("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
	} else {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	}
	e.w = bufio.NewWriterSize(w, 32<<10)
	e.all(families)
	a.sent(r, e.w.Flush())
}

// family is all series of a metric.
type family struct {
	name   string
	series []metrics.Series
}

func gather(into map[string]*family, s metrics.Series) {
	name := s.Labels.Get(metrics.NameLabel)
	f := into[name]
	if f == nil {
		f = &family{name: name}
		into[name] = f
	}
	f.series = append(f.series, s)
}

// exposer writes families. Errors of w stay with it.
type exposer struct {
	w    *bufio.Writer
	meta map[string]metrics.Metadata
	open bool // OpenMetrics
}

func (e *exposer) all(families map[string]*family) {
	names := make([]string, 0, len(families))
	for name := range families {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		e.family(families[name])
	}
	if e.open {
		e.write("# EOF\n")
	}
}

func (e *exposer) write(parts ...string) {
	for _, p := range parts {
		_, _ = e.w.WriteString(p)
	}
}

func (e *exposer) family(f *family) {
	slices.SortFunc(f.series, func(a, b metrics.Series) int { return a.Labels.Compare(b.Labels) })
	f.series = slices.CompactFunc(f.series, func(a, b metrics.Series) bool { return a.Labels.Compare(b.Labels) == 0 })
	name := plain(f.name)
	m := e.meta[f.name]
	kind := typeOf(m)
	if slices.ContainsFunc(f.series, func(s metrics.Series) bool { return len(s.Histograms) > 0 }) {
		kind = "histogram"
	} else if kind == "histogram" || kind == "summary" {
		kind = "unknown" // a classic one's parts are families of their own here
	}
	head := name
	if e.open && kind == "counter" {
		total, ok := strings.CutSuffix(name, "_total")
		if head = total; !ok {
			kind = "unknown" // OpenMetrics wants the suffix
		}
	}
	if kind == "unknown" && !e.open {
		kind = "untyped"
	}
	if m.Help != "" {
		e.write("# HELP ", head, " ", escape(m.Help, e.open), "\n")
	}
	e.write("# TYPE ", head, " ", kind, "\n")
	if e.open && m.Unit != "" && strings.HasSuffix(head, "_"+m.Unit) {
		e.write("# UNIT ", head, " ", m.Unit, "\n")
	}
	for _, s := range f.series {
		for _, p := range s.Points {
			if kind != "histogram" {
				e.line(name, s.Labels, "", p.Value)
			}
		}
		for _, p := range s.Histograms {
			e.histogram(name, s.Labels, p.Distribution)
		}
	}
}

// histogram writes a classic histogram whose bounds stay the same while it fills:
// its own, or powers of two, which are bounds of exponential buckets too.
func (e *exposer) histogram(name string, ls metrics.Labels, d metrics.Distribution) {
	bounds := d.Bounds
	if bounds == nil {
		low, high := -13, 7 // an eighth of a millisecond to two minutes
		if strings.Contains(name, "bytes") {
			low, high = 6, 30
		}
		for i := low; i <= high; i++ {
			bounds = append(bounds, math.Ldexp(1, i))
		}
	}
	next, sum := 0, 0.0
	for _, bound := range bounds {
		for next < len(d.Buckets) && d.Buckets[next].Upper <= bound {
			sum += d.Buckets[next].Count
			next++
		}
		e.line(name+"_bucket", ls, number(bound), sum)
	}
	e.line(name+"_bucket", ls, "+Inf", d.Count)
	e.line(name+"_sum", ls, "", d.Sum)
	e.line(name+"_count", ls, "", d.Count)
}

func (e *exposer) line(name string, ls metrics.Labels, le string, value float64) {
	e.write(name)
	separator := "{"
	for _, l := range ls {
		if l.Name == metrics.NameLabel {
			continue
		}
		e.write(separator, plain(l.Name), `="`, escape(l.Value, true), `"`)
		separator = ","
	}
	if le != "" {
		e.write(separator, `le="`, le, `"`)
		separator = ","
	}
	if separator == "," {
		e.write("}")
	}
	e.write(" ", number(value), "\n")
}

func number(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "+Inf"
	case math.IsInf(f, -1):
		return "-Inf"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// plain is a name with what older scrapers do not take as underscores.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '_', r == ':', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
}

var (
	escapes       = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	quotedEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

func escape(text string, quotes bool) string {
	if quotes {
		return quotedEscapes.Replace(text)
	}
	return escapes.Replace(text)
}
