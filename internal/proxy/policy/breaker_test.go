package policy

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
	"pgregory.net/rapid"
)

const second = int64(time.Second)

func TestBreaker(t *testing.T) {
	b := NewBreaker(route.Breaker{FailureRatio: 0.5, MinRequests: 4, Window: 10 * time.Second, OpenFor: 5 * time.Second})
	now := 1000 * second
	send := func(v Verdict) Change {
		t.Helper()
		ok, trial := b.Allow(now)
		if !ok {
			t.Fatal("not allowed")
		}
		return b.Done(now, v, trial)
	}
	for _, v := range []Verdict{Bad, Good, Neutral} {
		if send(v) != Same {
			t.Error("too few requests")
		}
	}
	now += 11 * second // the window has rolled past them
	for _, v := range []Verdict{Bad, Good, Good} {
		if send(v) != Same {
			t.Error("too few requests")
		}
	}
	if send(Bad) != Opened {
		t.Error("2 of 4 failed")
	}
	if ok, _ := b.Allow(now + 4*second); ok || b.Ready(now+4*second) || b.Wait(now+4*second) != time.Second {
		t.Error("open")
	}
	if b.Done(now, Bad, false) != Same {
		t.Error("what was sent before it opened says nothing")
	}
	now += 6 * second
	if !b.Ready(now) || b.Wait(now) != 0 {
		t.Error("a trial is due")
	}
	if ok, trial := b.Allow(now); !ok || !trial {
		t.Error("a trial is due")
	}
	if ok, _ := b.Allow(now); ok || b.Ready(now) || b.Wait(now) <= 0 {
		t.Error("one trial at a time")
	}
	if b.Done(now, Bad, true) != Same {
		t.Error("open stays open")
	}
	if ok, _ := b.Allow(now + 4*second); ok {
		t.Error("open again")
	}
	now += 6 * second
	_, trial := b.Allow(now)
	b.Done(now, Neutral, trial) // the client left: no verdict, another trial
	_, trial = b.Allow(now)
	if !trial || b.Done(now, Good, trial) != Closed {
		t.Error("the trial went well")
	}
	if send(Bad) != Same {
		t.Error("it begins anew")
	}
}

// TestBreakerForgets: what made it open does not count once it has closed.
func TestBreakerForgets(t *testing.T) {
	b := NewBreaker(route.Breaker{FailureRatio: 0.5, MinRequests: 2, Window: 10 * time.Second, OpenFor: time.Second})
	now := 5 * second
	b.Done(now, Bad, false)
	b.Done(now, Bad, false)
	now += second
	_, trial := b.Allow(now)
	b.Done(now, Good, trial)
	if b.Done(now, Bad, false) != Same || b.Done(now, Bad, false) != Opened {
		t.Error("2 failures after it closed")
	}
}

func TestNoBreaker(t *testing.T) {
	var b *Breaker
	if ok, trial := b.Allow(1); !ok || trial || !b.Ready(1) || b.Wait(1) != 0 || b.Done(1, Bad, false) != Same {
		t.Error("nil never opens")
	}
}

// TestBreakerModel: the window is that of a list of requests, whatever their times.
func TestBreakerModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := route.Breaker{
			FailureRatio: rapid.SampledFrom([]float64{0.1, 0.5, 1}).Draw(t, "ratio"),
			MinRequests:  rapid.IntRange(1, 8).Draw(t, "min"),
			Window:       rapid.SampledFrom([]time.Duration{10, 1000, time.Second}).Draw(t, "window"),
			OpenFor:      time.Second,
		}
		b := NewBreaker(cfg)
		width := int64(cfg.Window) / breakerSlots
		type request struct {
			slot int64
			bad  bool
		}
		var list []request
		now := rapid.Int64Range(0, 1<<60).Draw(t, "origin")
		for range rapid.IntRange(1, 60).Draw(t, "requests") {
			now += rapid.Int64Range(0, 3*width).Draw(t, "pause")
			r := request{slot: now / width, bad: rapid.Bool().Draw(t, "bad")}
			list = append(list, r)
			all, failed := 0, 0
			for _, q := range list {
				if r.slot-q.slot < breakerSlots {
					all++
					if q.bad {
						failed++
					}
				}
			}
			want, v := Same, Good
			if r.bad {
				v = Bad
				if all >= cfg.MinRequests && float64(failed) >= cfg.FailureRatio*float64(all) {
					want = Opened
				}
			}
			if got := b.Done(now, v, false); got != want {
				t.Fatalf("%d of %d failed: %v, want %v", failed, all, got, want)
			}
			if want == Opened {
				return
			}
		}
	})
}

func TestSlot(t *testing.T) {
	s := newSlot(1<<24 + 5)
	for range slotCount + 1 {
		s = s.add(true)
	}
	if s.age(5) != 0 || s.all() != s.failed() || s.all() != slotCount/2+1 {
		t.Errorf("a full slot: %d of %d, %d slots old", s.failed(), s.all(), s.age(5))
	}
	if s.age(14) != 9 || s.age(4) < breakerSlots {
		t.Error("age")
	}
}

// TestBreakerShared: of many users at once one opens it and one has the trial.
func TestBreakerShared(t *testing.T) {
	b := NewBreaker(route.Breaker{FailureRatio: 0.5, MinRequests: 100, Window: time.Second, OpenFor: time.Second})
	var opened, trials, count atomic.Int64
	each := func(f func()) {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 1000 {
					f()
				}
			})
		}
		wg.Wait()
	}
	now := 5 * second
	each(func() { b.Done(now, Good, false) })
	for i := range b.slots {
		count.Add(int64(slot(b.slots[i].Load()).all()))
	}
	if count.Load() != 4000 {
		t.Errorf("%d were counted", count.Load())
	}
	each(func() {
		if b.Done(now, Bad, false) == Opened {
			opened.Add(1)
		}
	})
	each(func() { b.Done(now, Bad, false) })
	if opened.Load() != 1 {
		t.Errorf("opened %d times", opened.Load())
	}
	now += 2 * second
	each(func() {
		if ok, _ := b.Allow(now); ok {
			trials.Add(1)
		}
	})
	if trials.Load() != 1 {
		t.Errorf("%d trials", trials.Load())
	}
}
