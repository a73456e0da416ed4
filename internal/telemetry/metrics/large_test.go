package metrics

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// 100,000 series of 100 services, half an hour of them: all are taken, found and counted,
// in less than 160 MiB of memory, which is 1.6 KiB a series.
func TestHundredThousandSeries(t *testing.T) {
	if os.Getenv("BANYAN_E2E") != "full" {
		t.Skip("set BANYAN_E2E=full: it takes ten seconds of a CPU")
	}
	const series, services, minutes = 100_000, 100, 30
	c := newClock(start)
	s := open(t, Options{Now: c.now})
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	batch := make([]Sample, 0, 1000)
	peak := uint64(0)
	for minute := range minutes {
		for i := range series {
			batch = append(batch, Sample{
				Labels: Named("requests_total", "service", "service-"+strconv.Itoa(i%services), "route", "/route/"+strconv.Itoa(i), "revision", "a1b2c3"),
				Time:   c.now().UnixMilli(), Value: float64(minute * (i%7 + 1)),
			})
			if len(batch) == cap(batch) {
				put(t, s, batch...)
				batch = batch[:0]
			}
		}
		c.advance(time.Minute)
		runtime.ReadMemStats(&after)
		peak = max(peak, after.HeapInuse)
	}
	st := s.Status()
	if st.Series != series || st.Appended != series*minutes || len(st.Refused) > 0 {
		t.Errorf("%+v", st)
	}
	for expr, want := range map[string]string{
		`count(requests_total)`:                                    "vector {} 100000@1800",
		`count(count by (service) (requests_total))`:               "vector {} 100@1800",
		`count(rate(requests_total{service="service-7"}[5m]) > 0)`: "vector {} 1000@1800",
		`requests_total{route="/route/99999"}`:                     fmt.Sprintf("vector requests_total{revision=\"a1b2c3\", route=\"/route/99999\", service=\"service-99\"} %d@1800", (minutes-1)*(99_999%7+1)),
		`sum(count_over_time(requests_total[30m] offset 1ms))`:     "vector {} 3e+06@1800",
	} {
		began := time.Now()
		r, err := s.Query(t.Context(), expr, c.now())
		if err != nil || show(r) != want {
			t.Errorf("%s: %v, %v; want %s", expr, show(r), err, want)
		}
		t.Logf("%s: %v", expr, time.Since(began))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("%d MiB of heap once collected, at most %d MiB in use, %d MiB on disk", after.HeapAlloc>>20, peak>>20, st.Bytes>>20)
	if n := int64(after.HeapAlloc) - int64(before.HeapAlloc); n > 160<<20 {
		t.Errorf("%d series take up %d MiB", series, n>>20)
	}
	pour(t, s, 1000, named("rogue"))
	if r := s.Status().Refused; r["rogue"] != 1000 {
		t.Errorf("%v", r)
	}
}
