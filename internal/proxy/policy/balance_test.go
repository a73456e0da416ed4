package policy

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
	"pgregory.net/rapid"
)

var ways = []route.BalanceBy{route.P2C, route.RoundRobin, route.LeastRequest, route.HashRing}

// still is a View that the test sets.
type still struct {
	unfit []bool
	busy  []int64
	cost  []float64
}

func view(n int) still {
	return still{unfit: make([]bool, n), busy: make([]int64, n), cost: make([]float64, n)}
}

func (s still) Len() int             { return len(s.unfit) }
func (s still) Fit(i int) bool       { return !s.unfit[i] }
func (s still) InFlight(i int) int64 { return s.busy[i] }
func (s still) Cost(i int) float64   { return s.cost[i] }

func (s still) counts(b *Balancer, n int) []int {
	r := rand.New(rand.NewPCG(1, 2))
	counts := make([]int, s.Len())
	for range n {
		counts[Pick(b, s, r.Uint64())]++
	}
	return counts
}

func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = "order-" + string(rune('a'+i%26)) + string(rune('a'+i/26))
	}
	return list
}

// TestPickFits: whatever is unfit, a fit one is found if and only if there is one.
func TestPickFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := view(rapid.IntRange(0, 50).Draw(t, "n"))
		for i := range v.unfit {
			v.unfit[i] = rapid.IntRange(0, 9).Draw(t, "unfit") > 0
			v.busy[i] = rapid.Int64Range(0, 3).Draw(t, "busy")
			v.cost[i] = rapid.SampledFrom([]float64{0, 1, 5, 100}).Draw(t, "cost")
		}
		for _, by := range ways {
			b := NewBalancer(&route.Balance{By: by}, names(v.Len()))
			i := Pick(b, v, rapid.Uint64().Draw(t, "r"))
			if slices.Contains(v.unfit, false) != (i >= 0) || i >= 0 && v.unfit[i] {
				t.Fatalf("%s picks %d of %v", by, i, v.unfit)
			}
		}
	})
}

// TestPickEven: equals share evenly, also when one of them is out.
func TestPickEven(t *testing.T) {
	for _, by := range ways {
		for _, n := range []int{1, 2, 3, 10, 40} {
			v := view(n)
			b := NewBalancer(&route.Balance{By: by}, names(n))
			part := 0.15
			if by == route.HashRing {
				part = 0.4
			}
			for i, c := range v.counts(b, 1000*n) {
				if !near(float64(c), 1000, part) {
					t.Errorf("%s: %d of %d has %d", by, i, n, c)
				}
			}
			if n < 3 {
				continue
			}
			v.unfit[1] = true
			even := 1000 * float64(n) / float64(n-1)
			for i, c := range v.counts(b, 1000*n) {
				if i != 1 && !near(float64(c), even, 0.6) {
					t.Errorf("%s without one: %d of %d has %d", by, i, n, c)
				}
			}
		}
	}
}

func TestP2C(t *testing.T) {
	v := view(3)
	b := NewBalancer(nil, nil)
	v.busy[0] = 100
	if c := v.counts(b, 300); c[0] != 0 || c[1] < 100 || c[2] < 100 {
		t.Errorf("the busy one is avoided, the others are even: %v", c)
	}
	v.busy[0] = 0
	v.cost = []float64{20e6, 1e6, 1.9e6}
	if c := v.counts(b, 300); c[0] != 0 || c[1] < 100 || c[2] < 100 {
		t.Errorf("the slow one is avoided, small differences do not count: %v", c)
	}
	v.busy = []int64{0, 30, 30}
	if c := v.counts(b, 300); c[0] < 150 {
		t.Errorf("it is avoided only as far as it is slow: %v", c)
	}
	v.busy, v.cost = []int64{0, 5, 5}, []float64{50e6, 1e6, 1e6}
	if c := v.counts(b, 300); c[0] != 0 {
		t.Errorf("an idle one that is slow takes longer: %v", c)
	}
	v.busy, v.cost = []int64{1, 0, 0}, []float64{0, 1e6, 1e6}
	if c := v.counts(b, 300); c[0] != 0 {
		t.Errorf("an unknown one counts by what it is busy with: %v", c)
	}
	v.busy, v.cost = make([]int64, 3), []float64{0, 1e6, 50e6}
	if c := v.counts(b, 300); c[0] < 100 || c[2] > 100 {
		t.Errorf("an unknown one is tried: %v", c)
	}
}

// TestP2CComesBack: an instance that was slow gets requests again when it is quick.
func TestP2CComesBack(t *testing.T) {
	list, _ := nodes(2)
	r := rand.New(rand.NewPCG(1, 2))
	now := second
	round := func(slow int64) (n int) {
		for range 1000 {
			now += 10 * ms
			i := p2c(look{nodes: list, now: now}, r.Uint64())
			rtt := ms
			if i == 0 {
				rtt = slow
				n++
			}
			list[i].latency.Observe(now, rtt)
		}
		return n
	}
	if n := round(ms); n < 400 || n > 600 {
		t.Errorf("equals: %d", n)
	}
	if n := round(200 * ms); n > 20 {
		t.Errorf("slow: %d", n)
	}
	round(ms)
	if n := round(ms); n < 400 || n > 600 {
		t.Errorf("quick again: %d", n)
	}
}

func TestRoundRobin(t *testing.T) {
	v := view(4)
	v.unfit[2] = true
	b := NewBalancer(&route.Balance{By: route.RoundRobin}, nil)
	if c := v.counts(b, 300); !slices.Equal(c, []int{100, 100, 0, 100}) {
		t.Errorf("%v", c)
	}
}

func TestLeastRequest(t *testing.T) {
	for _, n := range []int{5, leastAll} {
		v := view(n)
		for i := range v.busy {
			v.busy[i] = int64(10 + i%3)
		}
		v.busy[3], v.busy[4] = 1, 0
		v.unfit[4] = true
		b := NewBalancer(&route.Balance{By: route.LeastRequest}, nil)
		if c := v.counts(b, 100); c[3] != 100 {
			t.Errorf("%v", c)
		}
	}
	v := view(200)
	for i := range v.busy {
		v.busy[i] = int64(i)
	}
	b := NewBalancer(&route.Balance{By: route.LeastRequest}, nil)
	c := v.counts(b, 1000)
	few := 0
	for _, k := range c[:50] {
		few += k
	}
	if few < 800 {
		t.Errorf("of many: %d of 1000 go to the least busy quarter", few)
	}
}

func TestPickAllocates(t *testing.T) {
	list, ids := nodes(10)
	var few [4]*node
	for _, by := range ways {
		b := NewBalancer(&route.Balance{By: by}, ids)
		r := uint64(1)
		if n := testing.AllocsPerRun(100, func() {
			r = mix(r)
			Pick(b, look{nodes: list, tried: few[:1], now: int64(time.Hour)}, r)
		}); n != 0 {
			t.Errorf("%s: %v", by, n)
		}
	}
}
