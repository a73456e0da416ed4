package main

import (
	"testing"

	"example.com/shop/contract"
)

// stepServices are the steps, and whose failure theirs is.
var stepServices = map[string]string{"reserve": "inventory", "charge": "payment", "ship": "shipping", "commit": "inventory"}

func TestEveryFailureOfEveryStepLeavesNothing(t *testing.T) {
	for step, service := range stepServices {
		for _, f := range []fault{breaks, breaksAfter, hangs, hangsAfter, hangsUp, hangsUpDone, late} {
			t.Run(step+" "+string(f), func(t *testing.T) {
				t.Parallel()
				s := open(t)
				s.hurry(step)
				s.set(step, f)
				answer := s.place("k1", twoMugs)
				problem := refused(t, answer, 503, service+"-unavailable")
				if answer.Header().Get("Retry-After") == "" {
					t.Fatal("no Retry-After")
				}
				s.expectLeft(t, "", nil)
				o := s.expectLatest(t, "failed", service+"-unavailable")
				if problem.Instance != "/api/orders/"+o.ID {
					t.Fatalf("the problem is of %s, want %s", problem.Instance, o.ID)
				}
				s.later.Wait() // whoever was late has come
				s.expectLeft(t, "", nil)
			})
		}
	}
}

func TestRefusalsLeaveNothing(t *testing.T) {
	for _, test := range []struct {
		step, code string
		status     int
	}{{"reserve", "out-of-stock", 409}, {"charge", "declined", 402}} {
		t.Run(test.step, func(t *testing.T) {
			s := open(t)
			s.set(test.step, refuses)
			problem := refused(t, s.place("k1", twoMugs), test.status, test.code)
			if test.step == "reserve" && len(problem.Products) != 1 {
				t.Fatalf("the product is not named: %+v", problem)
			}
			s.expectLeft(t, "", nil)
			s.expectLatest(t, "rejected", test.code)
		})
	}
}

func TestShippingThatAnswersGarbage(t *testing.T) {
	s := open(t)
	s.set("ship", garbage)
	refused(t, s.place("k1", twoMugs), 503, "shipping-unavailable")
	s.expectLeft(t, "", nil)
}

func TestCatalogFailures(t *testing.T) {
	for _, f := range []fault{breaks, hangs, hangsUp, garbage} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			s := open(t)
			s.prices.timeout /= 10
			s.set("prices", f)
			refused(t, s.place("k1", twoMugs), 503, "catalog-unavailable")
			s.mend()
			decode[contract.Order](t, s.place("k1", twoMugs), 201)
		})
	}
}

func TestUndoThatFailsIsTriedAgain(t *testing.T) {
	for _, f := range []fault{breaks, breaksAfter, hangs, hangsAfter, hangsUp, hangsUpDone} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			s := open(t)
			s.hurry("charge")
			s.set("ship", breaksAfter)
			s.set("refund", f)
			first := refused(t, s.place("k1", twoMugs), 503, "shipping-unavailable")
			s.expectLatest(t, "pending", "shipping-unavailable")
			if f == breaks {
				s.expectLeft(t, "", []string{"charge: live"}) // it does not hold up the others
			}
			again := s.place("k1", twoMugs)
			if problem := refused(t, again, 503, "shipping-unavailable"); problem.Instance != first.Instance {
				t.Fatalf("asked again it is %s, want %s", problem.Instance, first.Instance)
			}

			if s.settler.round(t.Context()) {
				t.Fatal("settled, though the refund fails")
			}
			s.mend()
			if !s.settler.round(t.Context()) {
				t.Fatal("not settled")
			}
			s.expectLeft(t, "", nil)
			s.expectLatest(t, "failed", "shipping-unavailable")
		})
	}
}
