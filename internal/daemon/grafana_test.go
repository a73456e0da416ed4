package daemon

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
	"github.com/banyanrun/banyan/internal/telemetry/red"
)

const grafana = "../../docs/grafana"

// labelsOf are the labels that the series have, by how their names begin: what
// docs/telemetry.md says of them. Of several that fit the longest counts.
var labelsOf = map[string][]string{
	"banyan_request":              {"caller", "gateway", "callee", "web", "route", "/", "revision", "r1"},
	"banyan_requests_total":       {"caller", "gateway", "callee", "web", "route", "/", "revision", "r1", "status", "2xx"},
	"banyan_request_failures":     {"caller", "gateway", "callee", "web", "route", "/", "revision", "r1", "code", "no-ready-instance"},
	"banyan_requests_in_flight":   {"caller", "gateway", "callee", "web", "route", "/"},
	"banyan_response_body":        {"caller", "gateway", "callee", "web", "route", "/", "revision", "r1"},
	"banyan_refused_clients":      {"kind", "slow"},
	"banyan_client_call":          {"service", "web", "kind", "database", "peer", "postgresql/shop"},
	"banyan_up":                   {"service", "web", "instance", "web-1", "revision", "r1"},
	"banyan_instance":             {"service", "web", "instance", "web-1", "revision", "r1"},
	"banyan_service":              {"service", "web"},
	"banyan_service_state":        {"service", "web", "state", "ready"},
	"banyan_process":              {"process", "daemon"},
	"banyan_topic":                {"topic", "order.placed"},
	"banyan_publishes":            {"publisher", "web", "topic", "order.placed"},
	"banyan_subscription":         {"topic", "order.placed", "service", "mail"},
	"banyan_outbox":               {"service", "web"},
	"banyan_telemetry_dropped":    {"where", "otlp", "reason", "queue full"},
	"banyan_telemetry_disk_bytes": {"store", "spans"},
}

// dashboard is what is read of a dashboard's file.
type grafanaDashboard struct {
	UID, Title string
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []grafanaPanel
}

type grafanaPanel struct {
	ID         int
	Type       string
	Title      string
	Datasource struct{ Type, UID string }
	Targets    []struct{ Expr, LegendFormat, QueryType string }
	Grid       struct{ X, Y, W, H int } `json:"gridPos"`
}

func grafanaDashboards(t *testing.T) map[string]grafanaDashboard {
	t.Helper()
	files, err := filepath.Glob(grafana + "/dashboards/*.json")
	if err != nil || len(files) < 6 {
		t.Fatalf("%q, %v", files, err)
	}
	all := map[string]grafanaDashboard{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d grafanaDashboard
		if err := json.Unmarshal(data, &d); err != nil || d.UID == "" || d.Title == "" || len(d.Panels) == 0 {
			t.Fatalf("%s: %v, %+v", file, err, d)
		}
		all[filepath.Base(file)] = d
	}
	return all
}

// shopMetrics has some minutes of every series there is; those in states have each.
func shopMetrics(t *testing.T, now time.Time) *metrics.Store {
	t.Helper()
	s, err := metrics.Open(metrics.Options{Dir: t.TempDir(), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // what it keeps goes with the directory
	known := red.Families()
	maps.Copy(known, families)
	var samples []metrics.Sample
	for name, m := range known {
		s.Describe(name, m)
		best := ""
		for prefix := range labelsOf {
			if strings.HasPrefix(name, prefix) && len(prefix) > len(best) {
				best = prefix
			}
		}
		series := [][]string{labelsOf[best]}
		switch {
		case name == "banyan_sagas":
			series = [][]string{{"state", "running"}, {"state", "compensating"}, {"state", "needs_attention"}, {"state", "succeeded"}, {"state", "compensated"}}
		case slices.Contains(series[0], "caller"): // the bus calls, too
			bus := slices.Clone(series[0])
			bus[1] = "banyan"
			web := slices.Clone(series[0])
			web[1] = "web"
			series = append(series, bus, web)
		}
		for _, labels := range series {
			samples = append(samples, rising(metrics.Named(name, labels...), m.Type, now)...)
		}
	}
	slices.SortFunc(samples, func(a, b metrics.Sample) int { return int(a.Time - b.Time) })
	if err := s.Append(t.Context(), samples); err != nil {
		t.Fatal(err)
	}
	return s
}

// rising are samples of a series over the last five minutes.
func rising(labels metrics.Labels, kind string, now time.Time) (all []metrics.Sample) {
	for i := range uint64(21) {
		s := metrics.Sample{Labels: labels, Time: now.Add(time.Duration(i)*15*time.Second - 5*time.Minute).UnixMilli(), Value: float64(i)}
		switch kind {
		case "histogram":
			s.Histogram = &metrics.Histogram{Count: i, Sum: float64(i) / 100, Positive: metrics.Buckets{Offset: -10, Counts: []uint64{i}}}
			s.Exemplars = []metrics.Exemplar{{Labels: metrics.Labels{{Name: "trace_id", Value: "0af7651916cd43dd8448eb211c80319c"}}, Value: 0.001, Time: s.Time}}
		case "gauge":
			s.Value = 1
		}
		all = append(all, s)
	}
	return all
}

// legendNames are the labels that a legend is made of.
var legendNames = regexp.MustCompile(`\{\{(\w+)\}\}`)

// withoutVariables is an expression as Grafana sends it.
func withoutVariables(expr string) string {
	return strings.NewReplacer("$__rate_interval", "1m0s", "$service", "web", "$route", ".*", "$topic", "(order.placed|x)").Replace(expr)
}

// TestGrafanaDashboards: each panel asks for metrics that Banyan has, with the labels
// that they have, and gets an answer from an app where everything happens.
func TestGrafanaDashboards(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := shopMetrics(t, now)
	known := s.Metadata()
	mayBeEmpty := []string{`count(banyan_up{service=~"web"} == 0) or vector(0)`}
	panels := 0
	for file, d := range grafanaDashboards(t) {
		taken := map[[2]int]int{}
		for _, p := range d.Panels {
			for x := p.Grid.X; x < p.Grid.X+p.Grid.W; x++ {
				for y := p.Grid.Y; y < p.Grid.Y+p.Grid.H; y++ {
					if other := taken[[2]int{x, y}]; other != 0 || x > 23 {
						t.Fatalf("%s: %q lies on panel %d, or outside", file, p.Title, other)
					}
					taken[[2]int{x, y}] = p.ID
				}
			}
			if p.Type == "row" {
				continue
			}
			panels++
			switch {
			case p.Datasource.UID != "${metrics}" && p.Datasource.UID != "${traces}" || len(p.Targets) == 0:
				t.Errorf("%s: %q: %+v", file, p.Title, p)
			case p.Datasource.UID == "${traces}" && !slices.Contains([]string{"search", "dependencyGraph"}, p.Targets[0].QueryType):
				t.Errorf("%s: %q asks Jaeger for %q", file, p.Title, p.Targets[0].QueryType)
			case p.Datasource.UID == "${traces}":
				continue
			}
			for _, target := range p.Targets {
				expr := withoutVariables(target.Expr)
				names, err := metrics.Names(expr)
				if err != nil || strings.Contains(expr, "$") {
					t.Errorf("%s: %q: %s: %v", file, p.Title, expr, err)
					continue
				}
				for _, name := range names {
					if _, ok := known[name]; !ok {
						t.Errorf("%s: %q: there is no metric %s", file, p.Title, name)
					}
				}
				got, err := s.Query(t.Context(), expr, now)
				switch {
				case err != nil:
					t.Errorf("%s: %q: %s: %v", file, p.Title, expr, err)
				case len(got.Warnings) > 0:
					t.Errorf("%s: %q: %s: %q", file, p.Title, expr, got.Warnings)
				case len(got.Series) == 0 && !slices.Contains(mayBeEmpty, expr):
					t.Errorf("%s: %q: %s: no series", file, p.Title, expr)
				}
				for i := range got.Series {
					if len(got.Series[i].Points) == 0 {
						t.Errorf("%s: %q: %s: no number", file, p.Title, expr)
					}
					for _, name := range legendNames.FindAllStringSubmatch(target.LegendFormat, -1) {
						if got.Series[i].Labels.Get(name[1]) == "" {
							t.Errorf("%s: %q: %s: there is no label for %s", file, p.Title, expr, name[0])
						}
					}
				}
			}
		}
		for _, v := range d.Templating.List {
			if v.Type != "query" {
				continue
			}
			of, label, ok := labelValues(v.Definition)
			values, _, err := s.LabelValues(t.Context(), label, metrics.Lookup{Selectors: []string{of}, From: now.Add(-time.Hour), To: now})
			if !ok || err != nil || len(values) == 0 {
				t.Errorf("%s: the variable %s: %q %q: %q, %v", file, v.Name, of, label, values, err)
			}
		}
	}
	if panels < 60 {
		t.Errorf("there are %d panels", panels)
	}
}

// labelValues reads label_values(SELECTOR, LABEL).
func labelValues(text string) (selector, label string, ok bool) {
	in, ok := strings.CutPrefix(text, "label_values(")
	at := strings.LastIndex(in, ", ")
	if !ok || at < 0 {
		return "", "", false
	}
	return in[:at], strings.TrimSuffix(in[at+2:], ")"), true
}

// TestGrafanaProvisioning: the files agree with each other, with the paths of the
// dashboard, and with the label that exemplars have.
func TestGrafanaProvisioning(t *testing.T) {
	var sources struct {
		Datasources []struct {
			UID, Type, URL string
			JSONData       struct {
				Header    string `yaml:"httpHeaderName1"`
				Exemplars []struct {
					Name string `yaml:"name"`
					UID  string `yaml:"datasourceUid"`
				} `yaml:"exemplarTraceIdDestinations"`
			} `yaml:"jsonData"`
		}
	}
	data, err := os.ReadFile(grafana + "/provisioning/datasources/banyan.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &sources); err != nil || len(sources.Datasources) != 2 {
		t.Fatalf("%+v, %v", sources, err)
	}
	prom, jaeger := sources.Datasources[0], sources.Datasources[1]
	if prom.URL+"/" != "${BANYAN_DASHBOARD}"+promPath || jaeger.URL+"/" != "${BANYAN_DASHBOARD}"+jaegerPath || prom.JSONData.Header != "Cookie" || jaeger.JSONData.Header != "Cookie" {
		t.Errorf("%+v", sources)
	}
	if x := prom.JSONData.Exemplars; len(x) != 1 || x[0].Name != "trace_id" || x[0].UID != jaeger.UID {
		t.Errorf("%+v", x)
	}
	uids := map[string]bool{}
	for file := range grafanaDashboards(t) {
		data, err := os.ReadFile(filepath.Join(grafana, "dashboards", file))
		if err != nil || !strings.Contains(string(data), `"value": "`+prom.UID+`"`) || !strings.Contains(string(data), `"value": "`+jaeger.UID+`"`) {
			t.Errorf("%s does not begin with the sources that are provisioned: %v", file, err)
		}
		if uid := grafanaDashboards(t)[file].UID; uids[uid] {
			t.Errorf("%s: %s is another's", file, uid)
		} else {
			uids[uid] = true
		}
	}
	var provider struct {
		Providers []struct {
			Options struct{ Path string }
		}
	}
	data, err = os.ReadFile(grafana + "/provisioning/dashboards/banyan.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &provider); err != nil || provider.Providers[0].Options.Path != "${BANYAN_GRAFANA}/dashboards" {
		t.Errorf("%+v, %v", provider, err)
	}
}
