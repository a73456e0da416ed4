package policy

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// server is a simulated instance: so many workers, a queue before them, and
// callers that always want to send one more request than the limit lets them.
type server struct {
	now    int64
	random *rand.Rand
	work   int64   // ns a request takes a worker, ± 20 %
	free   []int64 // when each worker is done
	flight []request
	done   int
}

type request struct{ began, ends int64 }

func newServer(workers int, work time.Duration) *server {
	return &server{now: second, random: rand.New(rand.NewPCG(1, 2)), work: int64(work), free: make([]int64, workers)}
}

// run lets the server work for d under a's limit, with at most callers at once.
func (s *server) run(a *Adaptive, d time.Duration, callers int) {
	for end := s.now + int64(d); s.now < end; {
		for len(s.flight) < min(callers, a.Limit()) {
			s.send()
		}
		first := 0
		for i := range s.flight {
			if s.flight[i].ends < s.flight[first].ends {
				first = i
			}
		}
		r, n := s.flight[first], len(s.flight)
		s.flight[first] = s.flight[n-1]
		s.flight = s.flight[:n-1]
		s.now = r.ends
		s.done++
		a.Observe(s.now, r.ends-r.began, int64(n))
	}
}

func (s *server) send() {
	w := 0
	for i := range s.free {
		if s.free[i] < s.free[w] {
			w = i
		}
	}
	s.free[w] = max(s.now, s.free[w]) + int64(float64(s.work)*(0.8+0.4*s.random.Float64()))
	s.flight = append(s.flight, request{s.now, s.free[w]})
}

func TestAdaptiveFindsCapacity(t *testing.T) {
	for _, c := range []struct {
		workers int
		work    time.Duration
	}{
		{1, 10 * time.Millisecond},
		{4, 5 * time.Millisecond},
		{20, 10 * time.Millisecond},
		{20, 2 * time.Second},
		{100, 200 * time.Millisecond},
	} {
		s, a := newServer(c.workers, c.work), NewAdaptive(1000)
		settle := max(30*time.Second, 600*c.work)
		s.run(a, settle, 1000)
		s.done = 0
		most := 0
		for range 100 {
			s.run(a, settle/100, 1000)
			most = max(most, a.Limit())
		}
		if most > 6+2*c.workers {
			t.Errorf("%d workers of %v: the limit rises to %d", c.workers, c.work, most)
		}
		could := float64(settle) / float64(c.work) * float64(c.workers)
		if float64(s.done) < 0.9*could {
			t.Errorf("%d workers of %v: %d requests, and %.0f were possible", c.workers, c.work, s.done, could)
		}
	}
}

func TestAdaptiveRecovers(t *testing.T) {
	s, a := newServer(20, 10*time.Millisecond), NewAdaptive(200)
	s.run(a, 30*time.Second, 1000)
	before := a.Limit()
	s.work *= 20
	s.run(a, 5*time.Second, 1000)
	if slow := a.Limit(); slow > before/2 {
		t.Errorf("%d while slow, %d before", slow, before)
	}
	s.work /= 20
	s.run(a, 10*time.Second, 1000)
	if after := a.Limit(); after < 18 || after > 40 {
		t.Errorf("%d after, %d before", after, before)
	}
	// It is slow for good: that is its time without a queue, then.
	s.work *= 4
	s.run(a, 120*time.Second, 1000)
	if after := a.Limit(); after < 10 || after > 40 {
		t.Errorf("%d when slow for good", after)
	}
}

func TestAdaptiveBounds(t *testing.T) {
	for _, limit := range []int{1, 3, 50} {
		s, a := newServer(100, 10*time.Millisecond), NewAdaptive(limit)
		for range 200 {
			s.run(a, 100*time.Millisecond, 2000)
			if l := a.Limit(); l < 1 || l > limit {
				t.Fatalf("%d of %d", l, limit)
			}
		}
		if a.exact != float64(limit) {
			t.Errorf("%v of %d", a.exact, limit)
		}
	}
	// Few callers say nothing about a higher limit.
	s, a := newServer(100, 10*time.Millisecond), NewAdaptive(1000)
	s.run(a, 30*time.Second, 8)
	if l := a.Limit(); l > 40 {
		t.Errorf("%d for 8 callers", l)
	}
}

func TestAdaptiveShared(t *testing.T) {
	a := NewAdaptive(100)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range int64(5000) {
				a.Observe(i*ms, ms, 20)
				if l := a.Limit(); l < 1 || l > 100 {
					t.Error(l)
				}
			}
		})
	}
	wg.Wait()
}
