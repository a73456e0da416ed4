package otlp

import (
	"slices"
	"strings"

	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// The labels of resources. An attribute of the same name becomes exported_….
const (
	serviceLabel  = "service"
	instanceLabel = "instance"
	exported      = "exported_"
)

// pair is an attribute on its way to become a label.
type pair struct{ name, key, value string }

// resource sets what all labels of a resource's samples begin with.
func (m *metricReader) resource(attrs pcommon.Map, from string) {
	r := resourceOf(attrs, from)
	m.base = []Label{{serviceLabel, r.Service}}
	if r.Instance != "" {
		m.base = append(m.base, Label{instanceLabel, r.Instance})
	}
}

// labels returns those of the resource and of attributes, and of extra pairs of a
// name and a value, which win.
func (m *metricReader) labels(attrs pcommon.Map, extra ...string) []Label {
	m.scratch = m.scratch[:0]
	for k, v := range attrs.All() {
		if name, ok := labelName(k); ok && v.Type() != pcommon.ValueTypeEmpty {
			if m.taken(name, extra) {
				name = exported + name
			}
			m.scratch = append(m.scratch, pair{name, k, valueOf(v).String()})
		}
	}
	for _, l := range m.base {
		m.scratch = append(m.scratch, pair{name: l.Name, value: l.Value})
	}
	for i := 0; i < len(extra); i += 2 {
		m.scratch = append(m.scratch, pair{name: extra[i], value: extra[i+1]})
	}
	return merged(m.scratch)
}

// taken reports whether a label of the platform has the name.
func (m *metricReader) taken(name string, extra []string) bool {
	return name == serviceLabel || name == instanceLabel || slices.Contains(extra, name)
}

// merged sorts pairs into labels. Attributes that have one name as labels share it,
// in the order of their own names, as OpenTelemetry's rules for Prometheus have it.
func merged(pairs []pair) []Label {
	slices.SortStableFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.key, b.key)
	})
	labels := make([]Label, 0, len(pairs))
	for i := range pairs {
		p := &pairs[i]
		if p.value == "" {
			continue
		}
		if n := len(labels) - 1; n >= 0 && labels[n].Name == p.name {
			if i > 0 && pairs[i-1].key != p.key { // a key that comes twice counts by its first value
				labels[n].Value += ";" + p.value
			}
			continue
		}
		labels = append(labels, Label{p.name, p.value})
	}
	return labels
}

// labelName is what Prometheus can call an attribute. Names that begin with two
// underscores are its own.
func labelName(key string) (string, bool) {
	namer := otlptranslator.LabelNamer{}
	name, err := namer.Build(key)
	if err != nil {
		return "", false
	}
	if strings.HasPrefix(name, "__") {
		name = "key" + name
	}
	return name, true
}

// targetInfo has what else is known of where samples come from.
var targetInfo = &Family{Name: "target_info", Type: Info, Help: "Attributes of the resource"}

// target adds the resource's attributes, if it has any that are not labels of all.
func (m *metricReader) target(attrs pcommon.Map, at int64) {
	rest := pcommon.NewMap()
	rest.EnsureCapacity(attrs.Len())
	for k, v := range attrs.All() {
		if k != serviceName && k != serviceInstance && k != sender {
			v.CopyTo(rest.PutEmpty(k))
		}
	}
	if rest.Len() > 0 {
		m.samples = append(m.samples, Sample{Family: targetInfo, Name: targetInfo.Name, Labels: m.labels(rest), Time: at, Value: 1})
	}
}
