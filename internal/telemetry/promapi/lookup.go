package promapi

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

func (a *api) series(r *http.Request) (any, *notes, error) {
	l, err := lookup(r)
	if err != nil {
		return nil, nil, err
	}
	if len(l.Selectors) == 0 {
		return nil, nil, &failure{kind: badData, message: "no match[] parameter provided"}
	}
	found, more, err := a.Store.Series(r.Context(), l)
	return found, truncated(more), err
}

func (a *api) labelNames(r *http.Request) (any, *notes, error) {
	l, err := lookup(r)
	if err != nil {
		return nil, nil, err
	}
	found, more, err := a.Store.LabelNames(r.Context(), l)
	return present(found), truncated(more), err
}

func (a *api) labelValues(r *http.Request) (any, *notes, error) {
	l, err := lookup(r)
	if err != nil {
		return nil, nil, err
	}
	found, more, err := a.Store.LabelValues(r.Context(), unescape(r.PathValue("name")), l)
	return present(found), truncated(more), err
}

// present is a list that is written as [] where it is empty.
func present(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// metaEntry is a description as Prometheus writes it.
type metaEntry struct {
	Type string `json:"type"`
	Unit string `json:"unit"`
	Help string `json:"help"`
}

func (a *api) metadata(r *http.Request) (any, *notes, error) {
	limit := -1
	if text := r.FormValue("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, nil, &failure{kind: badData, message: "limit must be a number"}
		}
		limit = n
	}
	all := a.Store.Metadata()
	names := slices.Sorted(maps.Keys(all))
	if one := r.FormValue("metric"); one != "" {
		names = slices.DeleteFunc(names, func(n string) bool { return n != one })
	}
	out := map[string][]metaEntry{}
	for _, name := range names {
		if limit >= 0 && len(out) >= limit {
			break
		}
		m := all[name]
		out[name] = []metaEntry{{Type: typeOf(m), Unit: m.Unit, Help: m.Help}}
	}
	return out, nil, nil
}

func typeOf(m metrics.Metadata) string {
	if m.Type == "" {
		return "unknown"
	}
	return m.Type
}

// unescape reads a label's name that is written as U__ and codes, because it is no
// name that Prometheus before 3.0 knew: U__service_2e_name is service.name.
func unescape(name string) string {
	rest, ok := strings.CutPrefix(name, "U__")
	if !ok {
		return name
	}
	var out []byte
	for i := 0; i < len(rest); i++ {
		if rest[i] != '_' {
			out = append(out, rest[i])
			continue
		}
		if i+1 < len(rest) && rest[i+1] == '_' {
			out = append(out, '_')
			i++
			continue
		}
		end := i + 1
		for end < len(rest) && rest[end] != '_' {
			end++
		}
		code, err := strconv.ParseUint(rest[i+1:end], 16, 32)
		if err != nil || end == len(rest) {
			return name
		}
		out = append(out, string(rune(code))...)
		i = end
	}
	return string(out)
}
