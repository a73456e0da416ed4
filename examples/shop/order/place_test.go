package main

import (
	"slices"
	"testing"

	"example.com/shop/contract"
)

func TestOrderGoesThrough(t *testing.T) {
	s := open(t)
	o := decode[contract.Order](t, s.place("k1", twoMugs), 201)
	if o.Status != "confirmed" || o.TotalCents != 3450 || o.Currency != "EUR" || len(o.Items) != 2 || o.Shipment.Tracking != "T1" {
		t.Fatalf("ordered %+v", o)
	}
	if o.Items[0] != (contract.OrderItem{ProductID: "mug", Name: "A mug", Quantity: 2, PriceCents: 1600}) {
		t.Fatalf("the first item is %+v", o.Items[0])
	}
	if n := s.world.started(o.ID); n != 1 {
		t.Fatalf("its saga was started %d times", n)
	}

	again := decode[contract.Order](t, s.send("GET", "/api/orders/"+o.ID, "", "X-User-Id", "ada"), 200)
	if again.TotalCents != o.TotalCents || !again.CreatedAt.Equal(o.CreatedAt) || again.Shipment.Tracking != "T1" || again.Items[1] != o.Items[1] {
		t.Fatalf("read back %+v, want %+v", again, o)
	}
}

func TestHeadersAreForwarded(t *testing.T) {
	s := open(t)
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	s.send("POST", "/api/orders", twoMugs, "X-User-Id", "ada", "Idempotency-Key", "k1", "Traceparent", parent, "X-Request-Id", "r1", "Authorization", "Bearer x")
	for _, action := range []string{"prices", "start"} {
		if head := s.heads[action]; head.Get("Traceparent") != parent || head.Get("X-Request-Id") != "r1" || head.Get("Authorization") != "" {
			t.Errorf("%s got %v", action, head)
		}
	}
	for _, e := range s.told(t)[:1] { // the other is of the saga's trace
		if e.attributes != `{"traceparent":"`+parent+`"}` {
			t.Errorf("%s has the attributes %s", e.topic, e.attributes)
		}
	}
}

func TestOrdersAreTheirOwners(t *testing.T) {
	s := open(t)
	first := decode[contract.Order](t, s.place("k1", twoMugs), 201)
	second := decode[contract.Order](t, s.place("k2", twoMugs), 201)
	if latest := s.latest(t); latest.ID != second.ID {
		t.Fatalf("the latest is %s, want %s", latest.ID, second.ID)
	}
	refused(t, s.send("GET", "/api/orders/"+first.ID, "", "X-User-Id", "bob"), 404, "order-not-found")
	refused(t, s.send("GET", "/api/orders/ord_none", "", "X-User-Id", "ada"), 404, "order-not-found")
	none := s.send("GET", "/api/orders", "", "X-User-Id", "bob")
	if orders := decode[contract.List[contract.Order]](t, none, 200).Items; orders == nil || len(orders) != 0 {
		t.Fatalf("Bob's orders are %s", none.Body)
	}
}

func TestPlaceRefuses(t *testing.T) {
	s := open(t)
	refused(t, s.send("POST", "/api/orders", twoMugs, "Idempotency-Key", "k1"), 401, "not-signed-in")
	refused(t, s.send("GET", "/api/orders", ""), 401, "not-signed-in")
	refused(t, s.send("GET", "/api/orders/x", ""), 401, "not-signed-in")
	refused(t, s.place("", twoMugs), 400, "idempotency-key-missing")
	refused(t, s.place("k1", `[]`), 400, "bad-json")
	refused(t, s.place("k1", `{"items": []}`), 422, "invalid")
	refused(t, s.place("k1", `{"items": [{"product_id": "mug", "quantity": 0}]}`), 422, "invalid")
	refused(t, s.place("k1", `{"items": [{"product_id": "mug", "quantity": 60}, {"product_id": "mug", "quantity": 60}]}`), 422, "invalid")
	unknown := refused(t, s.place("k1", `{"items": [{"product_id": "anvil", "quantity": 1}]}`), 422, "unknown-product")
	if !slices.Equal(unknown.Products, []string{"anvil"}) {
		t.Fatalf("the unknown product is %v", unknown.Products)
	}
	if len(s.starts) > 0 {
		t.Fatalf("something was done: %v", s.starts)
	}
}

func TestItemsOfOneProductAddUp(t *testing.T) {
	s := open(t)
	o := decode[contract.Order](t, s.place("k1", `{"items": [{"product_id": "mug", "quantity": 1}, {"product_id": "mug", "quantity": 2}]}`), 201)
	if len(o.Items) != 1 || o.Items[0].Quantity != 3 {
		t.Fatalf("the items are %+v", o.Items)
	}
}
