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

func TestFailedOrderIsToldOf(t *testing.T) {
	s := open(t)
	s.undo(t, `{"step": "commit"}`)
	refused(t, s.place("k1", twoMugs), 503, "inventory-unavailable")
	if failed := s.told(t)[1].data.Order; failed.Status != "failed" || failed.Reason != "inventory-unavailable" || failed.Shipment != nil {
		t.Fatalf("told %+v", failed)
	}
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
