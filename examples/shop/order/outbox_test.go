package main

import (
	"slices"
	"testing"

	"example.com/shop/contract"
)

func TestConfirmedOrderIsToldOf(t *testing.T) {
	s := open(t)
	o := decode[contract.Order](t, s.place("k1", twoMugs), 201)
	s.place("k1", twoMugs) // again, which tells nobody anything
	s.expectTold(t, o.ID, "order.placed", "order.confirmed")

	events := s.told(t)
	if placed := events[0].data; placed.Order.Status != "pending" || placed.Order.Shipment != nil || placed.Order.TotalCents != 3450 {
		t.Fatalf("placed: %+v", placed)
	}
	confirmed := events[1].data
	if confirmed.UserID != "ada" || confirmed.Email != "ada@example.org" || confirmed.Order.Status != "confirmed" ||
		confirmed.Order.Shipment.Tracking != "T1" || !slices.Equal(confirmed.Order.Items, o.Items) {
		t.Fatalf("confirmed: %+v", confirmed)
	}
}

func TestFailedOrderHasNoShipment(t *testing.T) {
	s := open(t)
	s.set("commit", breaks) // after the shipment was booked
	refused(t, s.place("k1", twoMugs), 503, "inventory-unavailable")
	if o := s.latest(t); o.Shipment != nil {
		t.Fatalf("kept with %+v", o.Shipment)
	}
	if failed := s.told(t)[1].data.Order; failed.Status != "failed" || failed.Shipment != nil {
		t.Fatalf("told %+v", failed)
	}
}

func TestFailedOrderIsToldOfWhenItIsUndone(t *testing.T) {
	s := open(t)
	s.set("commit", breaksAfter)
	s.set("refund", breaks)
	refused(t, s.place("k1", twoMugs), 503, "inventory-unavailable")
	id := s.latest(t).ID
	s.expectTold(t, id, "order.placed")
	s.mend()
	if !s.settler.round(t.Context()) {
		t.Fatal("not settled")
	}
	s.expectTold(t, id, "order.placed", "order.failed")
	if failed := s.told(t)[1].data.Order; failed.Status != "failed" || failed.Reason != "inventory-unavailable" || failed.Shipment != nil {
		t.Fatalf("failed: %+v", failed)
	}
}

// Two replicas that find the same order open both take it to its end, and tell of it once.
func TestEndIsToldOnce(t *testing.T) {
	s := open(t)
	s.set("ship", crash)
	s.place("k1", twoMugs)
	s.mend()
	s = s.restart(t)
	id := s.latest(t).ID
	for range 2 {
		o, err := s.store.find(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		o.status = contract.OrderPending // as it was when this replica read it
		if err := s.checkout.run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	s.expectTold(t, id, "order.placed", "order.confirmed")
}

func TestNothingIsToldOfAnOrderThatIsNotStored(t *testing.T) {
	s := open(t)
	if _, err := s.store.db.Exec(`DROP TABLE order_items`); err != nil {
		t.Fatal(err)
	}
	refused(t, s.place("k1", twoMugs), 500, "internal")
	if events := s.told(t); len(events) > 0 {
		t.Fatalf("told %+v", events)
	}
}
