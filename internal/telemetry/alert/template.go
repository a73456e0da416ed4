package alert

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// A template is text with {{ … }} in it, a small part of what Prometheus has there:
//
//	{{ $labels.service }}   {{ $value }}
//	{{ humanizeDuration $value }}   {{ $value | humanizePercentage }}
//
// It is not package text/template, in whose presence the linker keeps every method of
// every type: the program would be a quarter larger.
type template struct {
	parts []part
}

// part is text, or the label or value that is filled in.
type part struct {
	text  string
	label string // of {{ $labels.… }}
	value bool   // {{ $value }}
	funcs []func(string, float64) string
}

// templateError says where a template is wrong.
type templateError struct {
	offset       int
	message, fix string
}

func (e *templateError) Error() string { return e.message + "; " + e.fix }

// functions take a value as text and as a number, which is NaN where it is none.
var functions = map[string]func(string, float64) string{
	"humanize": func(_ string, v float64) string { return scaled(v, 1000, []string{"", "k", "M", "G", "T", "P", "E"}) },
	"humanize1024": func(_ string, v float64) string {
		return scaled(v, 1024, []string{"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"})
	},
	"humanizePercentage": func(_ string, v float64) string { return short(v*100) + "%" },
	"humanizeDuration":   func(_ string, v float64) string { return humanizeDuration(v) },
	"toUpper":            func(s string, _ float64) string { return strings.ToUpper(s) },
	"toLower":            func(s string, _ float64) string { return strings.ToLower(s) },
}

func parseTemplate(text string) (template, error) {
	var t template
	for at := 0; ; {
		begin := strings.Index(text[at:], "{{")
		if begin < 0 {
			t.parts = append(t.parts, part{text: text[at:]})
			return t, nil
		}
		begin += at
		t.parts = append(t.parts, part{text: text[at:begin]})
		end := strings.Index(text[begin:], "}}")
		if end < 0 {
			return t, &templateError{begin, "the {{ has no closing }}", "write {{ $labels.service }}, for example"}
		}
		end += begin
		p, err := parseAction(text[begin+2 : end])
		if err != nil {
			err.offset = begin
			return t, err
		}
		t.parts = append(t.parts, p)
		at = end + 2
	}
}

// parseAction reads what stands between the braces.
func parseAction(text string) (part, *templateError) {
	const fix = "write {{ $labels.NAME }}, {{ $value }} or {{ humanize $value }}"
	var p part
	for i, stage := range strings.Split(text, "|") {
		words := strings.Fields(stage)
		if i == 0 && len(words) > 0 {
			last := words[len(words)-1]
			switch name, isLabel := strings.CutPrefix(last, "$labels."); {
			case isLabel && name != "":
				p.label = name
			case last == "$value":
				p.value = true
			default:
				return p, &templateError{message: fmt.Sprintf("{{%s}} means nothing", text), fix: fix}
			}
			words = words[:len(words)-1]
		} else if len(words) != 1 {
			return p, &templateError{message: fmt.Sprintf("{{%s}} means nothing", text), fix: fix}
		}
		for _, name := range slices.Backward(words) {
			f := functions[name]
			if f == nil {
				return p, &templateError{message: "there is no function " + name, fix: "known are " + strings.Join(slices.Sorted(maps.Keys(functions)), ", ")}
			}
			p.funcs = append(p.funcs, f)
		}
	}
	return p, nil
}

func (t template) expand(ls metrics.Labels, value float64) string {
	var b strings.Builder
	for _, p := range t.parts {
		text, number := p.text, math.NaN()
		switch {
		case p.label != "":
			text = ls.Get(p.label)
			if f, err := strconv.ParseFloat(text, 64); err == nil {
				number = f
			}
		case p.value:
			text, number = short(value), value
		}
		for _, f := range p.funcs {
			text = f(text, number)
			number = math.NaN()
		}
		b.WriteString(text)
	}
	return b.String()
}

// Outline is a rule's text without an alert to fill it in: the names of labels and
// values stand where these will be, as in "‹service› has no instance that is ready".
func Outline(text string) string {
	t, err := parseTemplate(text)
	if err != nil {
		return text
	}
	var b strings.Builder
	for _, p := range t.parts {
		switch {
		case p.label != "":
			b.WriteString("‹" + p.label + "›")
		case p.value:
			b.WriteString("‹value›")
		default:
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// templates are a rule's, by the name of the annotation.
type templates map[string]template

// parseTemplates takes a text that is no template as it is: Check has refused it.
func parseTemplates(r Rule) templates {
	t := templates{}
	for name, text := range map[string]string{"summary": r.Summary, "description": r.Description} {
		if text == "" {
			continue
		}
		parsed, err := parseTemplate(text)
		if err != nil {
			parsed = template{parts: []part{{text: text}}}
		}
		t[name] = parsed
	}
	return t
}

func (t templates) expand(ls metrics.Labels, value float64) map[string]string {
	out := make(map[string]string, len(t))
	for name, parsed := range t {
		out[name] = parsed.expand(ls, value)
	}
	return out
}

// short has four digits, or as many as a whole number has.
func short(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

func scaled(v, base float64, names []string) string {
	i := 0
	for ; math.Abs(v) >= base && i < len(names)-1; i++ {
		v /= base
	}
	return short(v) + names[i]
}

func humanizeDuration(seconds float64) string {
	switch abs := math.Abs(seconds); {
	case math.IsNaN(seconds) || abs > 1e9:
		return short(seconds)
	case abs >= 60:
		d := time.Duration(seconds) * time.Second
		const day = 24 * time.Hour
		if d.Abs() >= day {
			return fmt.Sprintf("%dd %v", d/day, (d % day).Abs())
		}
		return d.String()
	case abs >= 1:
		return short(seconds) + "s"
	case abs >= 1e-3:
		return short(seconds*1e3) + "ms"
	case abs == 0:
		return "0s"
	}
	return short(seconds*1e6) + "us"
}
