package policy

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestBudget(t *testing.T) {
	for _, now := range []int64{0, 1000 * second} {
		b := NewBudget(0)
		take := func() (n int) {
			for b.Take(now) {
				n++
			}
			return n
		}
		if n := take(); n != budgetFree {
			t.Errorf("%d for free", n)
		}
		for range 100 {
			b.Request()
		}
		if n := take(); n != 20 {
			t.Errorf("%d of 100", n)
		}
		now += second / 2
		if n := take(); n != 1 {
			t.Errorf("%d in half a second", n)
		}
		now += 100 * second
		if n := take(); n != 3 {
			t.Errorf("%d after a pause", n)
		}
		for range 10_000 {
			b.Request()
		}
		if n := take(); n != budgetCap/1000 {
			t.Errorf("%d are saved up", n)
		}
	}
	b := NewBudget(0.001)
	for range 2000 {
		b.Request()
	}
	n := 0
	for b.Take(second) {
		n++
	}
	if n != budgetFree+2 {
		t.Errorf("%d", n)
	}
}

func TestBudgetShared(t *testing.T) {
	b := NewBudget(0.1)
	var taken atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				b.Request()
				if b.Take(second) {
					taken.Add(1)
				}
			}
		})
	}
	wg.Wait()
	for b.Take(second) {
		taken.Add(1)
	}
	if taken.Load() != budgetFree+40 {
		t.Errorf("%d retries for 400 requests", taken.Load())
	}
}

func TestBulkhead(t *testing.T) {
	var b Bulkhead
	var in, most atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				if !b.Acquire(3) {
					continue
				}
				n := in.Add(1)
				for {
					m := most.Load()
					if n <= m || most.CompareAndSwap(m, n) {
						break
					}
				}
				in.Add(-1)
				b.Release()
			}
		})
	}
	wg.Wait()
	if most.Load() > 3 || b.InFlight() != 0 {
		t.Errorf("%d at once, %d are left", most.Load(), b.InFlight())
	}
	for i := range 5 {
		if b.Acquire(3) != (i < 3) || b.Full(3) != (i >= 2) || b.Full(0) {
			t.Errorf("request %d", i)
		}
	}
	if !b.Acquire(0) || b.Release() != 3 {
		t.Error("no bound")
	}
}
