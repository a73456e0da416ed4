package metrics

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

// pour appends n new series of a service and returns how many were taken.
func pour(t *testing.T, s *Store, n int, service func(i int) string) uint64 {
	t.Helper()
	before := s.Status().Series
	batch := make([]Sample, 0, 1000)
	for i := range n {
		batch = append(batch, at(1, 1, "requests_total", "service", service(i), "user", strconv.Itoa(i)))
		if len(batch) == cap(batch) || i == n-1 {
			put(t, s, batch...)
			batch = batch[:0]
		}
	}
	return s.Status().Series - before
}

func named(name string) func(int) string { return func(int) string { return name } }

// One service that pours series leaves room for others, and for the platform.
func TestShares(t *testing.T) {
	dir := t.TempDir()
	options := Options{Dir: dir, MaxSeries: 10_000, Now: func() time.Time { return start.Add(time.Minute) }}
	s, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	if n := pour(t, s, 20_000, named("rogue")); n != 8000 {
		t.Errorf("%d series of the one that pours", n)
	}
	if n := pour(t, s, 500, named("order")); n != 500 {
		t.Errorf("%d series of another", n)
	}
	if got := fmt.Sprint(s.Status().Refused); got != "map[rogue:12000]" {
		t.Error(got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// After a restart it is as before.
	s = open(t, options)
	if n := pour(t, s, 8100, named("rogue")); n != 0 {
		t.Errorf("%d series more", n)
	}
	if n := pour(t, s, 900, named("order")); n != 400 {
		t.Errorf("%d series of another", n)
	}
	// One that names itself anew each time has one share of that name.
	s.SetServices([]string{"rogue", "order", "pay"})
	pour(t, s, 2000, func(i int) string { return "made-up-" + strconv.Itoa(i) })
	if n := pour(t, s, 100, named("pay")); n != 100 {
		t.Errorf("%d series of one that is of the app", n)
	}
	if r := s.Status().Refused; r[Unnamed] == 0 {
		t.Errorf("%v", r)
	}
	before := s.Status().Series
	for i := range 50 {
		put(t, s, at(1, 1, "banyan_up", "service", "rogue", "instance", strconv.Itoa(i)))
	}
	if n := s.Status().Series - before; n != 50 {
		t.Errorf("%d series of the platform", n)
	}
}
