package metrics

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
)

// start is the time at which tests begin.
var start = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

func open(t *testing.T, o Options) *Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Now == nil {
		o.Now = func() time.Time { return start.Add(24 * time.Hour) }
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func put(t *testing.T, s *Store, samples ...Sample) {
	t.Helper()
	if err := s.Append(t.Context(), samples); err != nil {
		t.Fatal(err)
	}
}

// at is a sample so many seconds after start.
func at(seconds int64, value float64, name string, pairs ...string) Sample {
	return Sample{Labels: Named(name, pairs...), Time: start.UnixMilli() + seconds*1000, Value: value}
}

// show writes a result in one line.
func show(r *Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", r.Kind)
	if r.Kind == KindScalar {
		fmt.Fprintf(&b, " %v", r.Scalar.Value)
	}
	b.WriteString(r.Text)
	for _, s := range r.Series {
		fmt.Fprintf(&b, " %s", s.Labels)
		for _, p := range s.Points {
			fmt.Fprintf(&b, " %v@%d", p.Value, p.Time/1000-start.Unix())
		}
		for _, p := range s.Histograms {
			fmt.Fprintf(&b, " [%v %v]@%d", p.Count, p.Sum, p.Time/1000-start.Unix())
		}
	}
	return b.String()
}

func TestQueries(t *testing.T) {
	s := open(t, Options{})
	for i := range int64(20) {
		put(t, s, at(i*15, float64(i*30), "requests_total", "service", "cart"), at(i*15, float64(i*60), "requests_total", "service", "order", "empty", ""))
	}
	now := start.Add(5 * time.Minute)
	for expr, want := range map[string]string{
		`requests_total`:                      `vector requests_total{service="cart"} 570@300 requests_total{service="order"} 1140@300`,
		`sum(rate(requests_total[1m]))`:       `vector {} 6@300`,
		`1 + 1`:                               `scalar 2`,
		`"text"`:                              `stringtext`,
		`requests_total{service="x"}`:         `vector`,
		`requests_total{service="cart"}[30s]`: `matrix requests_total{service="cart"} 570@285`,
		`topk(1, requests_total)`:             `vector requests_total{service="order"} 1140@300`,
		`requests_total @ 1767322800`:         `vector requests_total{service="cart"} 0@300 requests_total{service="order"} 0@300`,
	} {
		r, err := s.Query(t.Context(), expr, now)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		if got := show(r); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", expr, got, want)
		}
	}
	r, err := s.QueryRange(t.Context(), `sum by (service) (requests_total)`, start, start.Add(time.Minute), 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := show(r), `matrix {service="cart"} 0@0 60@30 120@60 {service="order"} 0@0 120@30 240@60`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestQueryErrors(t *testing.T) {
	s := open(t, Options{QuerySamples: 10})
	for i := range int64(30) {
		put(t, s, at(i, 1, "a", "x", "1"), at(i, 1, "a", "x", "2"))
	}
	for expr, want := range map[string]string{
		"sum(":                 `the expression is no PromQL: 1:5: unclosed left parenthesis`,
		"a\n and on (x) {":     `the expression is no PromQL: 2:14: unexpected end of input`,
		"sum_over_time(a[1m])": `the query needs more than 10 samples at a time; ask for less: fewer series, a shorter range or a longer step`,
		"a * on () a":          `the query cannot be evaluated: `,
	} {
		_, err := s.Query(t.Context(), expr, start.Add(30*time.Second))
		if err == nil || !strings.HasPrefix(err.Error(), want) || fault.CodeOf(err) != fault.Invalid {
			t.Errorf("%q: %v (%s), want %s", expr, err, fault.CodeOf(err), want)
		}
	}
	var syntax *SyntaxError
	if _, err := s.Query(t.Context(), "a +\nb {", start); !errors.As(err, &syntax) || syntax.Line != 2 {
		t.Errorf("%v: %+v", err, syntax)
	}
	if _, err := s.QueryRange(t.Context(), "a", start, start.Add(time.Hour), 100*time.Millisecond); err == nil {
		t.Error("36,000 steps are too many")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Query(ctx, "a", start); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestWhatIsNotTaken(t *testing.T) {
	s := open(t, Options{MaxSeries: 5, Now: func() time.Time { return start.Add(time.Minute) }})
	put(t, s, at(10, 1, "a"), at(20, 2, "a"))
	put(t, s,
		at(15, 3, "a"),       // older than what is there
		at(20, 4, "a"),       // another value for the same time
		at(20, 2, "a"),       // the same value: no harm
		at(60+11*60, 1, "a"), // in the future
		Sample{Labels: Labels{{"x", "1"}}, Time: start.UnixMilli()}, // no name
		at(20, 1, "bad", "x", "\xff"),
		Sample{Labels: Named("h"), Time: start.UnixMilli(), Histogram: &Histogram{Count: 1, Scale: 99}},
		at(20, 1, "b"), at(20, 1, "c"), at(20, 1, "d"), at(20, 1, "e"),
		at(20, 1, "f"), at(20, 1, "g"), // too many series
		at(30, 5, "a"), // known ones are taken still
	)
	st := s.Status()
	want := map[string]uint64{DroppedOld: 1, DroppedDuplicate: 1, DroppedFuture: 1, DroppedInvalid: 3, DroppedSeries: 2, DroppedExemplar: 0}
	for reason, n := range want {
		if st.Dropped[reason] != n {
			t.Errorf("%s: %d dropped, want %d", reason, st.Dropped[reason], n)
		}
	}
	if st.Appended != 8 || st.Series != 5 {
		t.Errorf("%+v", st)
	}
	if got, err := s.Query(t.Context(), "a", start.Add(30*time.Second)); err != nil || show(got) != "vector a{} 5@30" {
		t.Errorf("%v, %v", show(got), err)
	}
}

func TestStaleMarkerEndsASeries(t *testing.T) {
	s := open(t, Options{})
	put(t, s, at(0, 1, "up"), at(15, StaleMarker, "up"))
	for seconds, want := range map[int]string{14: "vector up{} 1@14", 16: "vector"} {
		if r, err := s.Query(t.Context(), "up", start.Add(time.Duration(seconds)*time.Second)); err != nil || show(r) != want {
			t.Errorf("after %d s: %s, %v; want %s", seconds, show(r), err, want)
		}
	}
}

func TestNativeHistograms(t *testing.T) {
	s := open(t, Options{})
	// Four values in (1, 2], at scale 0 bucket 0; eight in (4, 8], bucket 2.
	h := &Histogram{Count: 13, Sum: 50, Zero: 1, Positive: Buckets{Offset: -1, Counts: []uint64{0, 4, 0, 8}}}
	fine := &Histogram{Count: 12, Sum: 50, Scale: 10, Positive: Buckets{Offset: 0, Counts: make([]uint64, 3<<10)}}
	fine.Positive.Counts[100], fine.Positive.Counts[2<<10+100] = 4, 8
	bounds := &Histogram{Count: 12, Sum: 50, Bounds: []float64{1, 2, 5}, Positive: Buckets{Counts: []uint64{0, 4, 7, 1}}}
	put(t, s,
		Sample{Labels: Named("h"), Time: start.UnixMilli(), Histogram: h},
		Sample{Labels: Named("fine"), Time: start.UnixMilli(), Histogram: fine},
		Sample{Labels: Named("bounds"), Time: start.UnixMilli(), Histogram: bounds})
	if d := s.Status().Dropped; d[DroppedInvalid] != 0 {
		t.Fatalf("%v", d)
	}
	r, err := s.Query(t.Context(), "h", start)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(r.Series[0].Histograms[0].Buckets)
	if want := "[{-0 0 true true 1} {1 2 false true 4} {4 8 false true 8}]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for expr, want := range map[string]float64{
		"histogram_count(h)":              13,
		"histogram_quantile(1, h)":        8,
		"histogram_fraction(1, 2, h)":     4. / 13,
		"histogram_quantile(0.5, bounds)": 2 + 3*2./7,
		"histogram_count(fine)":           12,
		"histogram_fraction(4, 8, fine)":  8. / 12,
	} {
		r, err := s.Query(t.Context(), expr, start)
		if err != nil {
			t.Fatal(err)
		}
		if v := r.Series[0].Points[0].Value; math.Abs(v-want) > 1e-9 {
			t.Errorf("%s is %v, want %v", expr, v, want)
		}
	}
}

func TestLookups(t *testing.T) {
	s := open(t, Options{})
	put(t, s, at(0, 1, "up", "service", "cart"), at(0, 1, "up", "service", "order"), at(0, 1, "down", "reason", "x"))
	l := Lookup{From: start.Add(-time.Minute), To: start.Add(time.Minute)}
	names, more, err := s.LabelNames(t.Context(), l)
	if fmt.Sprint(names, more, err) != "[__name__ reason service] false <nil>" {
		t.Error(names, more, err)
	}
	values, more, err := s.LabelValues(t.Context(), "service", l)
	if fmt.Sprint(values, more, err) != "[cart order] false <nil>" {
		t.Error(values, more, err)
	}
	l.Limit = 1
	values, more, err = s.LabelValues(t.Context(), "service", l)
	if fmt.Sprint(values, more, err) != "[cart] true <nil>" {
		t.Error(values, more, err)
	}
	l.Limit, l.Selectors = 0, []string{"up", `{service="cart"}`}
	series, more, err := s.Series(t.Context(), l)
	if fmt.Sprint(series, more, err) != `[up{service="cart"} up{service="order"}] false <nil>` {
		t.Error(series, more, err)
	}
	if _, _, err := s.Series(t.Context(), Lookup{Selectors: []string{"up{"}}); fault.CodeOf(err) != fault.Invalid {
		t.Error(err)
	}
}

func TestExemplars(t *testing.T) {
	s := open(t, Options{})
	sample := at(0, 1, "requests_total", "service", "cart")
	sample.Exemplars = []Exemplar{{Labels: Labels{{"trace_id", "abc"}}, Value: 0.3, Time: sample.Time}}
	put(t, s, sample)
	sample.Time += 1000
	sample.Exemplars = []Exemplar{{Labels: Labels{{"trace_id", strings.Repeat("x", 200)}}, Value: 1, Time: sample.Time}}
	put(t, s, sample)
	got, err := s.Exemplars(t.Context(), `rate(requests_total{service="cart"}[5m])`, start, start.Add(time.Minute))
	if err != nil || len(got) != 1 || fmt.Sprint(got[0].Labels, got[0].Exemplars) != fmt.Sprintf(`requests_total{service="cart"} [{{trace_id="abc"} 0.3 %d}]`, start.UnixMilli()) {
		t.Errorf("%v, %v", got, err)
	}
	if n := s.Status().Dropped[DroppedExemplar]; n != 1 {
		t.Errorf("%d exemplars were dropped, want that which is too long", n)
	}
}

func TestRestartAndDamage(t *testing.T) {
	dir := t.TempDir()
	fill := func(s *Store, from, to int64) {
		t.Helper()
		for i := from; i < to; i++ {
			put(t, s, at(i*60, float64(i), "n"))
		}
	}
	s, err := Open(Options{Dir: dir, Block: 10 * time.Minute, Now: func() time.Time { return start.Add(24 * time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	fill(s, 0, 60)
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Query(t.Context(), "n", start); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("a closed store answers %v", err)
	}
	blocks, err := filepath.Glob(filepath.Join(dir, "*", "index"))
	if err != nil || len(blocks) < 3 {
		t.Fatalf("%d blocks, %v", len(blocks), err)
	}

	if err := os.WriteFile(blocks[1], []byte("no index"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{Dir: dir, Block: 10 * time.Minute})
	if d := s.Status().Damage; len(d) != 1 || !strings.Contains(d[0], filepath.Base(filepath.Dir(blocks[1]))) {
		t.Errorf("%q", d)
	}
	if r, err := s.Query(t.Context(), "count_over_time(n[2h])", start.Add(time.Hour)); err != nil || r.Series[0].Points[0].Value < 40 {
		t.Errorf("%v, %v", show(r), err)
	}
	if _, err := os.Stat(filepath.Join(dir, damagedDir, filepath.Base(filepath.Dir(blocks[1])))); err != nil {
		t.Error(err)
	}
}

func TestDamagedLog(t *testing.T) {
	for name, spoil := range map[string]func(data []byte) []byte{
		"flipped": func(d []byte) []byte { d[len(d)/2] ^= 0x55; return d },
		"cut":     func(d []byte) []byte { return d[:len(d)*2/3] },
		"garbage": func(d []byte) []byte {
			for i := range d {
				d[i] = byte(i * 7)
			}
			return d
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, Options{Dir: dir})
			for i := range int64(3000) {
				put(t, s, at(i, float64(i), "n"))
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			files, err := filepath.Glob(filepath.Join(dir, "wal", "0*"))
			if err != nil || len(files) == 0 {
				t.Fatal(files, err)
			}
			data, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(files[0], spoil(data), 0o600); err != nil {
				t.Fatal(err)
			}
			s = open(t, Options{Dir: dir})
			put(t, s, at(4000, 1, "n"))
			if r, err := s.Query(t.Context(), "n", start.Add(4000*time.Second)); err != nil || show(r) != "vector n{} 1@4000" {
				t.Errorf("%v, %v", r, err)
			}
			t.Logf("%q", s.Status().Damage)
		})
	}
}

func TestRetention(t *testing.T) {
	s := open(t, Options{Block: 2 * time.Minute, MaxAge: 10 * time.Minute})
	// Weeks, squeezed: a sample each five seconds for forty minutes.
	for i := range int64(480) {
		put(t, s, at(i*5, float64(i), "n"))
		if i%60 == 0 {
			if err := s.Compact(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	st := s.Status()
	if age := time.Duration(st.Newest-st.Oldest) * time.Millisecond; age > 15*time.Minute || age < 5*time.Minute {
		t.Errorf("%v are kept: %+v", age, st)
	}
}

func TestMetadata(t *testing.T) {
	s := open(t, Options{})
	s.Describe("a", Metadata{Type: "counter", Help: "first"})
	s.Describe("a", Metadata{Type: "counter", Help: "second"})
	if m := s.Metadata(); len(m) != 1 || m["a"].Help != "second" {
		t.Errorf("%v", m)
	}
}
