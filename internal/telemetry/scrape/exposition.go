package scrape

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/banyanrun/banyan/internal/telemetry/otlp"
)

// exposition reads the text format of Prometheus, or OpenMetrics, which is much the same.
type exposition struct {
	open     bool // OpenMetrics: times are in seconds, and it ends with # EOF
	now      int64
	base     []otlp.Label // of all samples, sorted by name
	families map[string]*otlp.Family
	samples  []otlp.Sample
	ended    bool
}

// parse reads a whole answer. One line that is wrong refuses all of it, as it does in Prometheus.
func (x *exposition) parse(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("it is not UTF-8")
	}
	x.families = map[string]*otlp.Family{}
	for n := 1; text != ""; n++ {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if x.ended {
			return fmt.Errorf("line %d: it is after # EOF", n)
		}
		if err := x.line(strings.TrimSuffix(line, "\r")); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if x.open && !x.ended {
		return errors.New("it does not end with # EOF: it was cut off")
	}
	return nil
}

func (x *exposition) line(line string) error {
	line = strings.TrimLeft(line, " \t")
	switch {
	case line == "":
		return nil
	case line == "# EOF" && x.open:
		x.ended = true
		return nil
	case line[0] == '#':
		return x.comment(line)
	}
	return x.sample(line)
}

// comment reads # HELP, # TYPE and # UNIT; others say nothing.
func (x *exposition) comment(line string) error {
	line = strings.TrimLeft(line[1:], " \t")
	what, rest, _ := strings.Cut(line, " ")
	switch what {
	case "HELP", "TYPE", "UNIT":
	default:
		return nil
	}
	name, value, _ := strings.Cut(strings.TrimLeft(rest, " \t"), " ")
	if !isName(name, true) {
		return fmt.Errorf("%q is no name of a metric", name)
	}
	f := x.family(name)
	switch value = strings.Trim(value, " \t"); what {
	case "HELP":
		f.Help = unescape(value, false)
	case "UNIT":
		f.Unit = value
	case "TYPE":
		f.Type = types[strings.ToLower(value)]
	}
	return nil
}

var types = map[string]otlp.Type{
	"counter": otlp.Counter, "gauge": otlp.Gauge, "histogram": otlp.HistogramType, "gaugehistogram": otlp.HistogramType,
	"summary": otlp.Summary, "info": otlp.Info, "stateset": otlp.Gauge,
}

func (x *exposition) family(name string) *otlp.Family {
	f := x.families[name]
	if f == nil {
		f = &otlp.Family{Name: name}
		x.families[name] = f
	}
	return f
}

// suffixes are what the names of a family's series end with.
var suffixes = []string{"_total", "_bucket", "_count", "_sum", "_created", "_info", "_gcount", "_gsum"}

// familyOf is the family of a series' name: declared as such, or less its suffix.
func (x *exposition) familyOf(name string) *otlp.Family {
	if f := x.families[name]; f != nil {
		return f
	}
	for _, suffix := range suffixes {
		if base, ok := strings.CutSuffix(name, suffix); ok {
			if f := x.families[base]; f != nil {
				return f
			}
		}
	}
	return x.family(name)
}

// sample reads name{labels} value [time] [# {labels} value [time]].
func (x *exposition) sample(line string) error {
	end := strings.IndexAny(line, "{ \t")
	if end < 0 {
		return fmt.Errorf("%q has no value", short(line))
	}
	name, rest := line[:end], strings.TrimLeft(line[end:], " \t")
	if !isName(name, true) {
		return fmt.Errorf("%q is no name of a metric", short(name))
	}
	if len(x.samples) == MaxSamples {
		return fmt.Errorf("there are more than %d samples", MaxSamples)
	}
	f := x.familyOf(name)
	s := otlp.Sample{Family: f, Name: name, Time: x.now}
	var labels []otlp.Label
	var err error
	if strings.HasPrefix(rest, "{") {
		if labels, rest, err = readLabels(rest); err != nil {
			return err
		}
	}
	rest, exemplar, has := strings.Cut(rest, "#")
	words := strings.Fields(rest)
	if len(words) == 0 || len(words) > 2 {
		return fmt.Errorf("%q is no value", short(rest))
	}
	if s.Value, err = number(words[0]); err != nil {
		return err
	}
	if len(words) == 2 {
		if s.Time, err = x.time(words[1]); err != nil {
			return err
		}
	}
	if has {
		if s.Exemplars, err = x.exemplar(strings.TrimLeft(exemplar, " \t")); err != nil {
			return fmt.Errorf("its exemplar: %w", err)
		}
	}
	if s.Labels, err = with(x.base, labels); err != nil {
		return err
	}
	x.samples = append(x.samples, s)
	return nil
}

// exemplar reads {labels} value [time].
func (x *exposition) exemplar(text string) ([]otlp.Exemplar, error) {
	if !x.open || !strings.HasPrefix(text, "{") {
		return nil, fmt.Errorf("%q is none", short(text))
	}
	labels, rest, err := readLabels(text)
	if err != nil {
		return nil, err
	}
	words := strings.Fields(rest)
	if len(words) == 0 || len(words) > 2 {
		return nil, fmt.Errorf("%q is no value", short(rest))
	}
	e := otlp.Exemplar{Time: x.now}
	if e.Value, err = number(words[0]); err != nil {
		return nil, err
	}
	if len(words) == 2 {
		if e.Time, err = x.time(words[1]); err != nil {
			return nil, err
		}
	}
	e.Labels, err = with(nil, labels)
	return []otlp.Exemplar{e}, err
}

func number(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || strings.ContainsAny(s, "_xX") {
		return 0, fmt.Errorf("%q is no number", short(s))
	}
	return v, nil
}

// time reads a time in the unit of the format.
func (x *exposition) time(s string) (int64, error) {
	v, err := number(s)
	unit := 1e6
	if x.open {
		unit = 1e9
	}
	if err != nil || math.IsNaN(v) || math.Abs(v*unit) >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is no time", short(s))
	}
	whole, part := math.Modf(v) // apart, for the digits that a product would not have
	return int64(whole)*int64(unit) + int64(part*unit), nil
}

// short is enough of a text to find it by.
func short(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
