package main

import (
	"testing"

	"example.com/shop/contract"
)

// An order whose service dies during any call of its checkout is finished when the service is back.
func TestCrashDuringEveryStepIsFinished(t *testing.T) {
	for step := range stepServices {
		for _, f := range []fault{crash, crashAfter} {
			t.Run(step+" "+string(f), func(t *testing.T) {
				s := open(t)
				s.set(step, f)
				refused(t, s.place("k1", twoMugs), 500, "internal")
				s.mend()

				s = s.restart(t)
				s.expectLatest(t, "pending", "")
				refused(t, s.place("k1", twoMugs), 409, "order-in-progress")
				if !s.settler.round(t.Context()) {
					t.Fatal("not settled")
				}
				o := s.expectLatest(t, "confirmed", "")
				s.expectLeft(t, "", whole)
				if replayed := decode[contract.Order](t, s.place("k1", twoMugs), 201); replayed.ID != o.ID {
					t.Fatalf("the customer who asks again gets %s, want %s", replayed.ID, o.ID)
				}
			})
		}
	}
}

// If going on fails too, it is undone.
func TestCrashDuringEveryStepIsUndoneIfItFails(t *testing.T) {
	for step, service := range stepServices {
		t.Run(step, func(t *testing.T) {
			s := open(t)
			s.set(step, crashAfter)
			refused(t, s.place("k1", twoMugs), 500, "internal")
			s.set(step, breaksAfter)
			s = s.restart(t)
			if !s.settler.round(t.Context()) {
				t.Fatal("not settled")
			}
			s.expectLatest(t, "failed", service+"-unavailable")
			s.expectLeft(t, "", nil)
		})
	}
}

// An order whose service dies while it is undone is undone further.
func TestCrashDuringEveryUndo(t *testing.T) {
	for _, undo := range []string{"release", "refund", "recall"} {
		for _, f := range []fault{crash, crashAfter} {
			t.Run(undo+" "+string(f), func(t *testing.T) {
				s := open(t)
				s.set("commit", breaksAfter)
				s.set(undo, f)
				s.place("k1", twoMugs) // nobody hears the answer
				s.set(undo, "")

				s = s.restart(t)
				s.expectLatest(t, "pending", "inventory-unavailable")
				if !s.settler.round(t.Context()) {
					t.Fatal("not settled")
				}
				s.expectLatest(t, "failed", "inventory-unavailable")
				s.expectLeft(t, "", nil)
			})
		}
	}
}

func TestOrderThatWasInterruptedLongAgoIsUndone(t *testing.T) {
	s := open(t)
	s.set("ship", crashAfter)
	refused(t, s.place("k1", twoMugs), 500, "internal")
	s.mend()
	s = s.restart(t)
	if _, err := s.store.db.Exec(`UPDATE orders SET created_at = created_at - 3600000`); err != nil {
		t.Fatal(err)
	}
	if !s.settler.round(t.Context()) {
		t.Fatal("not settled")
	}
	s.expectLatest(t, "failed", "interrupted")
	s.expectLeft(t, "", nil)
}
