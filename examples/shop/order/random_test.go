package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"example.com/shop/contract"
)

// Many customers order while everything goes wrong at random. In the end an order is confirmed and whole, or nothing of it is left.
func TestRandomFaults(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := open(t)
	s.hurry("")
	wrong := []fault{refuses, breaks, breaksAfter, hangs, hangsAfter, hangsUp, hangsUpDone, late}
	for _, a := range actions {
		usable := wrong
		if a.to == "undone" {
			usable = wrong[1:7] // an undo is neither refused nor late
		}
		s.vary(a.name, func() fault {
			if random.IntN(6) > 0 { // under the world's lock
				return ""
			}
			return usable[random.IntN(len(usable))]
		})
	}
	var customers sync.WaitGroup
	for customer := range 8 {
		customers.Go(func() {
			for i := range 12 {
				s.place(fmt.Sprintf("k%d-%d", customer, i), twoMugs)
			}
		})
	}
	customers.Wait()
	s.mend()
	if !s.settler.round(t.Context()) {
		t.Fatal("something stays open though nothing goes wrong")
	}
	s.later.Wait()
	s.expectConsistent(t, 96)
}

func (s *shop) expectConsistent(t *testing.T, orders int) {
	t.Helper()
	count := map[string]int{}
	all, err := s.store.query(t.Context(), ``)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		count[o.status]++
		want, end := []string(nil), contract.TopicOrderFailed
		if o.status == contract.OrderConfirmed {
			want, end = whole, contract.TopicOrderConfirmed
		}
		s.expectTold(t, o.id, contract.TopicOrderPlaced, end)
		if left := s.left(o.id); !slices.Equal(left, want) {
			t.Errorf("of order %s, %s, stands %v, want %v", o.id, o.status, left, want)
		}
	}
	t.Logf("%v", count)
	if len(all) != orders {
		t.Fatalf("%d orders, want %d", len(all), orders)
	}
}
