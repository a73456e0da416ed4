package view

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// PromResult is an answer of Prometheus' HTTP API to a query.
type PromResult struct {
	Data struct {
		ResultType string          `json:"resultType"` //nolint:tagliatelle // Prometheus' own
		Result     json.RawMessage `json:"result"`
	} `json:"data"`
	Warnings []string `json:"warnings"`
	Infos    []string `json:"infos"`
}

// PromOptions decide how Prom looks. Times are in Now's location.
type PromOptions struct {
	Width int
	Color bool
	Now   time.Time
}

// promSeries is a series of an answer: with one value, or with many.
type promSeries struct {
	Metric     map[string]string `json:"metric"`
	Value      promPoint         `json:"value"`
	Values     []promPoint       `json:"values"`
	Histogram  promHistogram     `json:"histogram"`
	Histograms []promHistogram   `json:"histograms"`
}

// promPoint is a value at a time: [1700000000.123, "17"].
type promPoint struct {
	at    float64
	value string
}

func (p *promPoint) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[2]any{&p.at, &p.value})
}

// promHistogram is a native histogram at a time.
type promHistogram struct {
	at    float64
	value struct {
		Count string `json:"count"`
		Sum   string `json:"sum"`
	}
}

func (p *promHistogram) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[2]any{&p.at, &p.value})
}

func (p *promHistogram) text() string {
	return "histogram: " + p.value.Count + " observations, sum " + p.value.Sum
}

// Prom is the answer to a query: a row a series, and a column for each label that
// one of them has; of a range the least, the most, the last value and its course.
func Prom(r *PromResult, o PromOptions) []string {
	switch r.Data.ResultType {
	case "scalar", "string":
		var p promPoint
		if err := json.Unmarshal(r.Data.Result, &p); err != nil {
			return []string{Clean(string(r.Data.Result))}
		}
		return []string{Clean(p.value)}
	}
	var all []promSeries
	if err := json.Unmarshal(r.Data.Result, &all); err != nil {
		return []string{Clean(string(r.Data.Result))}
	}
	if len(all) == 0 {
		return []string{"no series"}
	}
	labels := labelsOf(all)
	var head []string
	for _, name := range labels {
		head = append(head, labelHeading(name))
	}
	values := []string{"VALUE>"}
	if r.Data.ResultType == "matrix" {
		values = []string{"LEAST>", "MOST>", "LAST>", "COURSE"}
	}
	var rows []row
	for _, s := range all {
		var cells []cell
		for _, name := range labels {
			cells = append(cells, cell{text: Clean(s.Metric[name])})
		}
		rows = append(rows, row{cells: append(cells, s.cells(r.Data.ResultType)...)})
	}
	return table(headings(append(head, values...)...), rows, o.Width, o.Color)
}

// labelsOf are the names of all labels, the metric's own name first.
func labelsOf(all []promSeries) []string {
	names := map[string]bool{}
	for _, s := range all {
		for name := range s.Metric {
			names[name] = true
		}
	}
	sorted := slices.Sorted(maps.Keys(names)) // _ is before small letters
	if i := slices.Index(sorted, metricName); i > 0 {
		sorted = append([]string{metricName}, slices.Delete(sorted, i, i+1)...)
	}
	return sorted
}

const metricName = "__name__"

func labelHeading(name string) string {
	if name == metricName {
		return "METRIC"
	}
	return strings.ToUpper(Clean(name))
}

func (s *promSeries) cells(kind string) []cell {
	if kind != "matrix" {
		if s.Value.value == "" {
			return []cell{{text: Clean(s.Histogram.text())}}
		}
		return []cell{{text: number(s.Value.value), right: true}}
	}
	if len(s.Values) == 0 {
		text := ""
		if n := len(s.Histograms); n > 0 {
			text = s.Histograms[n-1].text()
		}
		return []cell{{}, {}, {}, {text: Clean(text)}}
	}
	points := make([]float64, len(s.Values))
	least, most := math.Inf(1), math.Inf(-1)
	for i, p := range s.Values {
		v, err := strconv.ParseFloat(p.value, 64)
		if points[i] = v; err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			points[i] = math.Inf(-1) // a gap
			continue
		}
		least, most = min(least, v), max(most, v)
	}
	return []cell{
		{text: significant(least), right: true}, {text: significant(most), right: true}, {text: number(s.Values[len(s.Values)-1].value), right: true},
		{text: course(points, least, most)},
	}
}

// number is a number as Prometheus writes it, with as many digits as say something.
func number(text string) string {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return Clean(text)
	}
	return significant(v)
}

func significant(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprintf("%.4g", v)
}

// courseMost is how wide a course is at most, in cells.
const courseMost = 60

var steps = []rune("▁▂▃▄▅▆▇█")

// course shows how values went, each of them as high as it is between the least
// and the most, and a gap for what is infinite. Where there are more than there is
// room for, the highest stands for those beside it.
func course(points []float64, least, most float64) string {
	width := min(len(points), courseMost)
	var b strings.Builder
	for i := range width {
		from, to := i*len(points)/width, (i+1)*len(points)/width
		v := slices.Max(points[from:to])
		switch {
		case math.IsInf(v, 0):
			b.WriteByte(' ')
		case most <= least:
			b.WriteRune(steps[0])
		default:
			b.WriteRune(steps[int(float64(len(steps)-1)*(v-least)/(most-least))])
		}
	}
	return b.String()
}
