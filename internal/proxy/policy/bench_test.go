package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// node is an instance as an engine has it.
type node struct {
	busy    Bulkhead
	latency Latency
	outlier Outlier
	breaker *Breaker
}

// look is a View as an engine has it.
type look struct {
	nodes []*node
	tried []*node
	now   int64
}

func (l look) Len() int { return len(l.nodes) }

func (l look) Fit(i int) bool {
	n := l.nodes[i]
	out, _ := n.outlier.Ejected(l.now)
	return !out && !slices.Contains(l.tried, n) && n.breaker.Ready(l.now)
}

func (l look) InFlight(i int) int64 { return l.nodes[i].busy.InFlight() }
func (l look) Cost(i int) float64   { return l.nodes[i].latency.Cost(l.now) }

func nodes(n int) ([]*node, []string) {
	list, names := make([]*node, n), make([]string, n)
	for i := range list {
		list[i] = &node{breaker: NewBreaker(route.Breaker{FailureRatio: 0.5, MinRequests: 20, Window: 10 * time.Second, OpenFor: time.Second})}
		list[i].latency.Observe(1e9, int64(1e6+1e5*i))
		names[i] = fmt.Sprintf("order-%d", i)
	}
	return list, names
}

func BenchmarkPick(b *testing.B) {
	for _, by := range []route.BalanceBy{route.P2C, route.RoundRobin, route.LeastRequest, route.HashRing} {
		for _, n := range []int{1, 2, 10, 100} {
			b.Run(fmt.Sprintf("%s/%d", by, n), func(b *testing.B) {
				list, names := nodes(n)
				bal := NewBalancer(&route.Balance{By: by}, names)
				var few [4]*node
				b.ReportAllocs()
				for b.Loop() {
					if Pick(bal, look{nodes: list, tried: few[:0], now: 1e9}, rand.Uint64()) < 0 {
						b.Fatal("none")
					}
				}
			})
		}
	}
}

func BenchmarkBreaker(b *testing.B) {
	br := NewBreaker(route.Breaker{FailureRatio: 0.5, MinRequests: 20, Window: 10 * time.Second, OpenFor: time.Second})
	b.ReportAllocs()
	now := int64(1e9)
	for b.Loop() {
		now += 1000
		_, trial := br.Allow(now)
		br.Done(now, Good, trial)
	}
}

func BenchmarkLatency(b *testing.B) {
	var l Latency
	now := int64(1e9)
	for b.Loop() {
		now += 1000
		l.Observe(now, now&0xfffff)
		l.Cost(now)
	}
}

func BenchmarkBudget(b *testing.B) {
	bu := NewBudget(0)
	for b.Loop() {
		bu.Request()
	}
}

func BenchmarkSplit(b *testing.B) {
	s := NewSplit([]route.Share{{Revision: "v1", Weight: 90}, {Revision: "v2", Weight: 10}})
	for b.Loop() {
		s.Pick(rand.Uint64())
	}
}

func BenchmarkAdaptive(b *testing.B) {
	a := NewAdaptive(100)
	now := int64(1e9)
	for b.Loop() {
		now += 10_000
		a.Observe(now, 1e6, 5)
	}
}

func BenchmarkNewRing(b *testing.B) {
	_, names := nodes(100)
	for b.Loop() {
		NewRing(names)
	}
}

func BenchmarkHash(b *testing.B) {
	key := []byte("7b0a4d1e-4c9c-4d8e-9f5e-0a7b9a3c2d1e")
	for b.Loop() {
		Hash(key)
	}
}

func BenchmarkRand(b *testing.B) {
	b.Run("rand/v2", func(b *testing.B) {
		var x uint64
		for b.Loop() {
			x += rand.Uint64()
		}
		sink = x
	})
	b.Run("SplitMix64", func(b *testing.B) {
		var x uint64
		for b.Loop() {
			x = mix(x)
		}
		sink = x
	})
}

var sink uint64
