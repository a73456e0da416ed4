package account

import (
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkRequest is what counting a request costs.
func BenchmarkRequest(b *testing.B) {
	l := NewSet().Edge(shop)
	o := Outcome{Status: 200, Tries: 1, In: 10, Out: 1024, Latency: time.Millisecond, Upstream: time.Millisecond}
	b.ReportAllocs()
	for b.Loop() {
		l.Begin()
		l.End(1, "r1", &o)
	}
}

// BenchmarkWords compares ways to add to the ten words that a request changes.
func BenchmarkWords(b *testing.B) {
	var plain [10]uint64
	var shared [10]atomic.Uint64
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			for i := range plain {
				plain[i]++
			}
		}
	})
	b.Run("store", func(b *testing.B) {
		for b.Loop() {
			for i := range shared {
				shared[i].Store(shared[i].Load() + 1)
			}
		}
	})
	b.Run("add", func(b *testing.B) {
		for b.Loop() {
			for i := range shared {
				shared[i].Add(1)
			}
		}
	})
}

// BenchmarkCopy is what a piece of a set costs its loop: 32 edges.
func BenchmarkCopy(b *testing.B) {
	s := NewSet()
	for i := range 32 {
		l := s.Edge(Key{Caller: string(rune('a' + i))})
		for _, d := range []time.Duration{time.Microsecond, time.Millisecond, time.Second} {
			end(l, 1, "r1", Outcome{Status: 200, Latency: d, Upstream: d})
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Copy(0, 32)
	}
}
