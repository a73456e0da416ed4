package promapi

import (
	"bufio"
	"encoding/json"
	"math"
	"strconv"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// encoder writes JSON as Prometheus does: numbers of samples are strings, so that
// they may be NaN and infinite; times are seconds. Large answers are not built in
// memory.
type encoder struct {
	w   *bufio.Writer
	err error
}

func (e *encoder) end() error {
	if e.err != nil {
		return e.err
	}
	return e.w.Flush()
}

// raw writes text as it is. The first error of w stays with it.
func (e *encoder) raw(text string) { _, _ = e.w.WriteString(text) }

func (e *encoder) texts(key string, list []string) {
	if len(list) > 0 {
		e.raw(key)
		e.value(list)
	}
}

// value writes what the answers are made of.
func (e *encoder) value(v any) {
	switch v := v.(type) {
	case *metrics.Result:
		e.result(v)
	case []metrics.Labels:
		e.list(len(v), func(i int) { e.labels(v[i]) })
	case []metrics.ExemplarSeries:
		e.list(len(v), func(i int) { e.exemplarSeries(v[i]) })
	default:
		text, err := json.Marshal(v)
		if err != nil && e.err == nil {
			e.err = err
		}
		_, _ = e.w.Write(text) // as raw
	}
}

func (e *encoder) list(n int, each func(int)) {
	e.raw("[")
	for i := range n {
		if i > 0 {
			e.raw(",")
		}
		each(i)
	}
	e.raw("]")
}

func (e *encoder) labels(ls metrics.Labels) {
	e.raw("{")
	for i, l := range ls {
		if i > 0 {
			e.raw(",")
		}
		e.value(l.Name)
		e.raw(":")
		e.value(l.Value)
	}
	e.raw("}")
}

func (e *encoder) result(r *metrics.Result) {
	e.raw(`{"resultType":`)
	e.value(string(r.Kind))
	e.raw(`,"result":`)
	switch r.Kind {
	case metrics.KindScalar:
		e.point(r.Scalar)
	case metrics.KindString:
		e.raw("[")
		e.time(r.Scalar.Time)
		e.raw(",")
		e.value(r.Text)
		e.raw("]")
	case metrics.KindVector:
		e.list(len(r.Series), func(i int) { e.sample(r.Series[i]) })
	case metrics.KindMatrix:
		e.list(len(r.Series), func(i int) { e.series(r.Series[i]) })
	}
	e.raw("}")
}

func (e *encoder) sample(s metrics.Series) {
	e.raw(`{"metric":`)
	e.labels(s.Labels)
	for _, p := range s.Points {
		e.raw(`,"value":`)
		e.point(p)
	}
	for _, p := range s.Histograms {
		e.raw(`,"histogram":`)
		e.histogram(p)
	}
	e.raw("}")
}

func (e *encoder) series(s metrics.Series) {
	e.raw(`{"metric":`)
	e.labels(s.Labels)
	if len(s.Points) > 0 {
		e.raw(`,"values":`)
		e.list(len(s.Points), func(i int) { e.point(s.Points[i]) })
	}
	if len(s.Histograms) > 0 {
		e.raw(`,"histograms":`)
		e.list(len(s.Histograms), func(i int) { e.histogram(s.Histograms[i]) })
	}
	e.raw("}")
}

func (e *encoder) point(p metrics.Point) {
	e.raw("[")
	e.time(p.Time)
	e.raw(",")
	e.number(p.Value)
	e.raw("]")
}

func (e *encoder) histogram(p metrics.HistogramPoint) {
	e.raw("[")
	e.time(p.Time)
	e.raw(`,{"count":`)
	e.number(p.Count)
	e.raw(`,"sum":`)
	e.number(p.Sum)
	if len(p.Buckets) > 0 {
		e.raw(`,"buckets":`)
		e.list(len(p.Buckets), func(i int) { e.bucket(p.Buckets[i]) })
	}
	e.raw("}]")
}

func (e *encoder) bucket(b metrics.Bucket) {
	bounds := "2" // both are open
	switch {
	case b.ClosedLower && b.ClosedUpper:
		bounds = "3"
	case b.ClosedLower:
		bounds = "1"
	case b.ClosedUpper:
		bounds = "0"
	}
	e.raw("[" + bounds + ",")
	e.number(b.Lower)
	e.raw(",")
	e.number(b.Upper)
	e.raw(",")
	e.number(b.Count)
	e.raw("]")
}

func (e *encoder) exemplarSeries(s metrics.ExemplarSeries) {
	e.raw(`{"seriesLabels":`)
	e.labels(s.Labels)
	e.raw(`,"exemplars":`)
	e.list(len(s.Exemplars), func(i int) {
		x := s.Exemplars[i]
		e.raw(`{"labels":`)
		e.labels(x.Labels)
		e.raw(`,"value":`)
		e.number(x.Value)
		e.raw(`,"timestamp":`)
		e.time(x.Time)
		e.raw("}")
	})
	e.raw("}")
}

// time writes milliseconds as seconds.
func (e *encoder) time(ms int64) {
	_, _ = e.w.Write(strconv.AppendFloat(e.w.AvailableBuffer(), float64(ms)/1000, 'f', -1, 64)) // as raw
}

// number writes a number as Prometheus does, in a string.
func (e *encoder) number(f float64) {
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	text := append(e.w.AvailableBuffer(), '"')
	text = strconv.AppendFloat(text, f, format, -1, 64)
	_, _ = e.w.Write(append(text, '"')) // as raw
}
