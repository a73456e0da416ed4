package scrape

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/banyanrun/banyan/internal/telemetry/otlp"
)

// readLabels reads {name="value",…} and returns what is behind it.
func readLabels(s string) (list []otlp.Label, rest string, err error) {
	s = strings.TrimLeft(s[1:], " \t")
	for !strings.HasPrefix(s, "}") {
		name, after, ok := strings.Cut(s, "=")
		name = strings.Trim(name, " \t")
		after = strings.TrimLeft(after, " \t")
		if !ok || !isName(name, false) || !strings.HasPrefix(after, `"`) {
			return nil, "", fmt.Errorf("%q begins no label", short(s))
		}
		end := quoteEnd(after)
		if end < 0 {
			return nil, "", fmt.Errorf("the value of the label %s does not end", name)
		}
		list = append(list, otlp.Label{Name: name, Value: unescape(after[1:end], true)})
		s = strings.TrimLeft(after[end+1:], " \t")
		if next, ok := strings.CutPrefix(s, ","); ok {
			s = strings.TrimLeft(next, " \t")
		} else if !strings.HasPrefix(s, "}") {
			return nil, "", fmt.Errorf("after the label %s there is neither a comma nor a brace", name)
		}
	}
	return list, strings.TrimLeft(s[1:], " \t"), nil
}

// quoteEnd is the index of the quote that ends the string that s begins with; -1: there is none.
func quoteEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// unescape replaces \\, \n and, in values of labels, \".
func unescape(s string, quoted bool) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch c := s[i]; {
		case c == 'n':
			b.WriteByte('\n')
		case c == '\\', c == '"' && quoted:
			b.WriteByte(c)
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return b.String()
}

// isName reports whether s can be the name of a metric or, without colons, of a label.
func isName(s string, metric bool) bool {
	for i, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_':
		case c == ':' && metric, i > 0 && c >= '0' && c <= '9':
		default:
			return false
		}
	}
	return s != ""
}

// with joins the labels of the target and of a sample. Of two of one name the
// target's counts, and the sample's is exported_…, as often as it takes for a name that
// neither of them has, as Prometheus has it.
func with(base, labels []otlp.Label) ([]otlp.Label, error) {
	list := make([]otlp.Label, 0, len(base)+len(labels))
	list = append(list, base...)
	for _, l := range labels {
		if l.Value == "" {
			continue
		}
		if has(base, l.Name) {
			for l.Name = exported + l.Name; has(base, l.Name) || has(labels, l.Name); {
				l.Name = exported + l.Name
			}
		}
		if l.Name == "le" || l.Name == "quantile" {
			l.Value = bound(l.Value)
		}
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b otlp.Label) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(list); i++ {
		if list[i].Name == list[i-1].Name {
			return nil, fmt.Errorf("it has the label %s twice", list[i].Name)
		}
	}
	return list, nil
}

// exported is what the name of a label begins with that the target has, too.
const exported = "exported_"

func has(labels []otlp.Label, name string) bool {
	return slices.ContainsFunc(labels, func(l otlp.Label) bool { return l.Name == name && l.Value != "" })
}

// bound writes a bound in the one way of OpenMetrics: 1.0, not 1.
func bound(s string) string {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) {
		return s
	}
	return otlp.FormatBound(v)
}
