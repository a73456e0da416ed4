package policy

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/banyanrun/banyan/internal/route"
	"pgregory.net/rapid"
)

// TestRingMoves: when an instance leaves, only its keys move, and not all to
// the same; the order of the list does not matter.
func TestRingMoves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,8}-[0-9]`), 2, 20, rapid.ID[string]).Draw(t, "names")
		gone := rapid.IntRange(0, len(before)-1).Draw(t, "gone")
		after := slices.Delete(slices.Clone(before), gone, gone+1)
		slices.Reverse(after)
		r, s := NewRing(before), NewRing(after)
		key := rapid.Uint64().Draw(t, "key")
		for range 200 {
			key = mix(key)
			was, is := onRing(r, view(len(before)), key), onRing(s, view(len(after)), key)
			if was != gone && before[was] != after[is] {
				t.Fatalf("%d moved from %s to %s as %s left", key, before[was], after[is], before[gone])
			}
			unfit := view(len(before))
			unfit.unfit[gone] = true
			if i := onRing(r, unfit, key); before[i] != after[is] {
				t.Fatalf("an unfit %s is another than an absent one: %s, %s", before[gone], before[i], after[is])
			}
		}
	})
}

func TestRingSpreads(t *testing.T) {
	const n = 10
	ring, v := NewRing(names(n)), view(n)
	r := rand.New(rand.NewPCG(1, 2))
	count := func() []int {
		c := make([]int, n)
		for range 10_000 {
			c[onRing(ring, v, r.Uint64())]++
		}
		return c
	}
	whole := count()
	v.unfit[4] = true
	for i, c := range count() {
		if i != 4 && (c < 700 || c > 1600) {
			t.Errorf("%d has %d of 10000 while one is out, and %d before", i, c, whole[i])
		}
	}
}

func TestRingStays(t *testing.T) {
	// Keys keep their places over restarts and releases: this is a promise.
	ring, v := NewRing([]string{"a", "b", "c"}), view(3)
	var got []int
	for _, key := range []string{"", "1", "2", "3", "alice", "bob", "carol", "dave", "erin"} {
		got = append(got, onRing(ring, v, Hash(key)))
	}
	if want := []int{1, 0, 1, 0, 0, 0, 1, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if onRing(NewRing(nil), view(0), 1) != -1 {
		t.Error("an empty ring")
	}
	same := NewRing([]string{"a", "a"})
	for i := range uint64(100) {
		if onRing(same, view(2), mix(i)) != 0 {
			t.Error("equal names")
		}
	}
}

func TestSplit(t *testing.T) {
	for _, weights := range [][]int{{90, 10}, {1, 1}, {5, 0, 15}, {1, 2, 3, 4}, {1000, 1}, {3}} {
		shares, sum := make([]route.Share, len(weights)), 0
		for i, w := range weights {
			shares[i] = route.Share{Revision: "v" + string(rune('1'+i)), Weight: w}
			sum += w
		}
		s := NewSplit(shares)
		r := rand.New(rand.NewPCG(1, 2))
		const n = 100_000
		counts := make([]int, len(weights))
		for range n {
			counts[s.Pick(r.Uint64())]++
		}
		for i, w := range weights {
			want := n * float64(w) / float64(sum)
			if d := float64(counts[i]) - want; d*d > 16*want { // four standard deviations
				t.Errorf("%v: %v", weights, counts)
			}
		}
	}
	if NewSplit(nil).Pick(1) != -1 || NewSplit([]route.Share{{Revision: "v1"}}).Pick(1) != -1 {
		t.Error("no weight")
	}
}

// TestSplitSticks: a client changes only to a revision whose weight has grown
// in relation to its own one's.
func TestSplitSticks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 5).Draw(t, "n")
		before, after := make([]route.Share, n), make([]route.Share, n)
		for i := range n {
			name := "v" + string(rune('1'+i))
			before[i] = route.Share{Revision: name, Weight: rapid.IntRange(1, 100).Draw(t, "before")}
			after[n-1-i] = route.Share{Revision: name, Weight: rapid.IntRange(0, 100).Draw(t, "after")}
		}
		after[0].Weight++
		s, u := NewSplit(before), NewSplit(after)
		client := rapid.Uint64().Draw(t, "client")
		for range 200 {
			client = mix(client)
			a, b := s.Pick(client), n-1-u.Pick(client)
			if a != b && after[n-1-b].Weight*before[a].Weight <= before[b].Weight*after[n-1-a].Weight {
				t.Fatalf("%d went from %d to %d: %v, %v", client, a, b, before, after)
			}
		}
	})
}

func TestCanaryStays(t *testing.T) {
	at := func(w int) *Split {
		return NewSplit([]route.Share{{Revision: "v1", Weight: 100 - w}, {Revision: "v2", Weight: w}})
	}
	ten, half := at(10), at(50)
	moved, stayed := 0, 0
	for i := range uint64(10_000) {
		h := mix(i)
		switch a, b := ten.Pick(h), half.Pick(h); {
		case a == 1 && b == 0:
			t.Fatal("a client was sent back")
		case a == 1:
			stayed++
		case b == 1:
			moved++
		}
	}
	if !near(float64(stayed), 1000, 0.15) || !near(float64(moved), 4000, 0.1) {
		t.Errorf("%d stayed, %d came", stayed, moved)
	}
}
