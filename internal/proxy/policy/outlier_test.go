package policy

import (
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

func outliers(n int) ([]*Outlier, iter.Seq[*Outlier]) {
	list := make([]*Outlier, n)
	for i := range list {
		list[i] = new(Outlier)
	}
	return list, slices.Values(list)
}

func TestOutlier(t *testing.T) {
	cfg := OutlierConfig(nil)
	list, all := outliers(2)
	var e Ejector
	o, now := list[0], int64(0)
	for n := range 2 * cfg.Errors {
		if n == cfg.Errors-1 {
			o.OK() // the streak begins anew
		}
		if o.Fail(&cfg) != (n == 2*cfg.Errors-2) {
			t.Fatalf("error %d", n)
		}
		if n == 2*cfg.Errors-2 {
			break
		}
	}
	if d := e.Eject(now, &cfg, o, all); d != cfg.Base {
		t.Errorf("first: %v", d)
	}
	if o.Fail(&cfg) {
		t.Error("the streak begins anew")
	}
	if e.Eject(now, &cfg, o, all) != 0 {
		t.Error("twice")
	}
	now += int64(cfg.Base) - 1
	if out, restored := o.Ejected(now); !out || restored {
		t.Error("still out")
	}
	now++
	if e.Eject(now, &cfg, o, all) != 0 {
		t.Error("nobody knows that it was restored")
	}
	for i, want := range []bool{true, false, false} {
		if out, restored := o.Ejected(now); out || restored != want {
			t.Errorf("look %d: %v, %v", i, out, restored)
		}
	}
	// Again and again: longer and longer, up to the maximum.
	for n := 2; n < 13; n++ {
		want := min(time.Duration(n)*cfg.Base, cfg.Max)
		if d := e.Eject(now, &cfg, o, all); d != want {
			t.Errorf("ejection %d: %v", n, d)
		}
		now += int64(want)
		o.Ejected(now)
	}
	// Time in service makes up for it.
	now += int64(4 * outlierInterval)
	if d := e.Eject(now, &cfg, o, all); d != 7*cfg.Base {
		t.Errorf("a while later: %v", d)
	}
	o.Reset()
	if out, restored := o.Ejected(now); out || restored {
		t.Error("reset")
	}
	now += int64(cfg.Max) + 20*int64(outlierInterval)
	if d := e.Eject(now, &cfg, o, all); d != cfg.Base {
		t.Errorf("a good while later: %v", d)
	}
	if (&Outlier{}).Fail(&route.Outlier{}) {
		t.Error("0 errors never eject")
	}
}

func TestMaxEjected(t *testing.T) {
	for _, c := range []struct{ n, percent, want int }{
		{1, 10, 0}, {2, 10, 1}, {10, 10, 1}, {19, 10, 1}, {20, 10, 2}, {30, 10, 3}, {4, 50, 2}, {4, 100, 3}, {4, 0, 1},
	} {
		cfg := route.Outlier{Errors: 1, Base: time.Second, Max: time.Second, MaxPercent: c.percent}
		list, all := outliers(c.n)
		var e Ejector
		var out atomic.Int64
		var wg sync.WaitGroup
		for _, o := range list {
			wg.Go(func() {
				if e.Eject(0, &cfg, o, all) > 0 {
					out.Add(1)
				}
			})
		}
		wg.Wait()
		if int(out.Load()) != c.want {
			t.Errorf("%+v: %d are out", c, out.Load())
		}
		for _, o := range list {
			o.Ejected(second)
		}
		if c.want > 0 && e.Eject(second, &cfg, list[0], all) == 0 {
			t.Errorf("%+v: all are back, and none may go", c)
		}
	}
}

func TestRestoredOnce(t *testing.T) {
	cfg := OutlierConfig(nil)
	list, all := outliers(2)
	var e Ejector
	e.Eject(0, &cfg, list[0], all)
	var seen atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, restored := list[0].Ejected(int64(cfg.Base)); restored {
				seen.Add(1)
			}
		})
	}
	wg.Wait()
	if seen.Load() != 1 {
		t.Errorf("%d saw it", seen.Load())
	}
}
