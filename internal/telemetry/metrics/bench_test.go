package metrics

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// benchStore has so many series, a tenth of them histograms, and an hour of samples.
func benchStore(b *testing.B, series, samples int) (*Store, func(step int) []Sample) {
	b.Helper()
	s, err := Open(Options{Dir: b.TempDir(), MaxSeries: 200_000, Now: func() time.Time { return start.Add(24 * time.Hour) }})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() }) // the directory goes too
	batch := make([]Sample, series)
	for i := range batch {
		name := "requests_total"
		if i%10 == 0 {
			name = "latency_seconds"
		}
		batch[i].Labels = Named(name, "service", "service-"+strconv.Itoa(i%30), "route", "/route/"+strconv.Itoa(i), "revision", "a1b2c3")
	}
	fill := func(step int) []Sample {
		for i := range batch {
			batch[i].Time = start.UnixMilli() + int64(step)*15_000
			if i%10 != 0 {
				batch[i].Value = float64(step * (i%7 + 1))
				continue
			}
			h := &Histogram{Scale: 3, Positive: Buckets{Offset: -50, Counts: make([]uint64, 20)}}
			for k := range h.Positive.Counts {
				h.Positive.Counts[k] = uint64(step * k)
				h.Count += h.Positive.Counts[k]
			}
			batch[i].Histogram = h
		}
		return batch
	}
	for step := range samples {
		if err := s.Append(b.Context(), fill(step)); err != nil {
			b.Fatal(err)
		}
	}
	return s, fill
}

// BenchmarkAppend appends a sample to each of 60,000 series.
func BenchmarkAppend(b *testing.B) {
	s, fill := benchStore(b, 60_000, 1)
	step := 1
	for b.Loop() {
		b.StopTimer()
		batch := fill(step)
		step++
		b.StartTimer()
		if err := s.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(60_000*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/60_000, "heap-B/series")
}

func BenchmarkQuery(b *testing.B) {
	s, _ := benchStore(b, 10_000, 240)
	to := start.Add(time.Hour)
	for _, expr := range []string{
		`sum by (service) (rate(requests_total[5m]))`,
		`histogram_quantile(0.99, sum by (service) (rate(latency_seconds[5m])))`,
	} {
		b.Run(expr, func(b *testing.B) {
			for b.Loop() {
				r, err := s.QueryRange(b.Context(), expr, start, to, time.Minute)
				if err != nil || len(r.Series) == 0 {
					b.Fatal(fmt.Sprint(r), err)
				}
			}
		})
	}
}
