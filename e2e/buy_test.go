package e2e

import (
	"net/http"
	"testing"
)

// The shop's main path, as a client sees it: through the gateway alone.
func TestBuySomething(t *testing.T) {
	s := startShop(t)
	ada := s.signUp()
	item := s.products(1)[0]
	before := s.stock(item.ID)

	key := unique()
	first := ada.orderOf(item.ID, 2, key)
	var order struct{ ID, Status string }
	first.decode(t, &order)
	if first.status != http.StatusCreated || order.ID == "" || order.Status != "confirmed" {
		t.Fatalf("order: %s", first)
	}
	if after := s.stock(item.ID); after != before-2 {
		t.Errorf("the stock is %d after an order of 2 from %d", after, before)
	}

	t.Run("the same key and body give the same order", func(t *testing.T) {
		again := ada.orderOf(item.ID, 2, key)
		var same struct{ ID, Status string }
		again.decode(t, &same)
		if again.status != http.StatusCreated || same.ID != order.ID || again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("replay: %s, want the order %s", again, order.ID)
		}
		if after := s.stock(item.ID); after != before-2 {
			t.Errorf("the stock is %d after a replay, want %d", after, before-2)
		}
	})
	t.Run("the same key and another body are refused", func(t *testing.T) {
		if a := ada.orderOf(item.ID, 3, key); a.status != http.StatusUnprocessableEntity {
			t.Errorf("got %s, want 422", a)
		}
	})
	t.Run("no token, no order", func(t *testing.T) {
		a := ask(t, http.MethodGet, s.url("/api/orders"), nil)
		a.problem(t, http.StatusUnauthorized, "token-missing")
	})
	t.Run("a forged token is refused", func(t *testing.T) {
		a := ask(t, http.MethodGet, s.url("/api/orders"), nil, "Authorization", "Bearer "+ada.token+"x")
		a.problem(t, http.StatusUnauthorized, "token-invalid")
	})

	bob := s.signUp()
	t.Run("another user's order is not found", func(t *testing.T) {
		if a := ask(t, http.MethodGet, s.url("/api/orders/"+order.ID), nil, bob.bearer()...); a.status != http.StatusNotFound {
			t.Errorf("got %s, want 404", a)
		}
		get(t, s.url("/api/orders/"+order.ID), ada.bearer()...)
	})
	t.Run("who one is cannot be claimed by header", func(t *testing.T) {
		for _, name := range []string{"X-User-Id", "x-user-id", "X-USER-ID", "X_User_Id"} {
			a := ask(t, http.MethodGet, s.url("/api/orders/"+order.ID), nil, append(bob.bearer(), name, ada.id)...)
			if a.status != http.StatusNotFound {
				t.Errorf("%s: got %s, want 404", name, a)
			}
			var list struct{ Items []struct{ ID string } }
			get(t, s.url("/api/orders"), append(bob.bearer(), name, ada.id)...).decode(t, &list)
			if len(list.Items) != 0 {
				t.Errorf("%s: bob sees %v", name, list.Items)
			}
		}
		if a := ask(t, http.MethodGet, s.url("/api/orders"), nil, "X-User-Id", ada.id); a.status != http.StatusUnauthorized {
			t.Errorf("without a token: got %s, want 401", a)
		}
	})
}
