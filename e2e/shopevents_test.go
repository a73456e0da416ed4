package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// eventMost bounds how long an event may take to have its effect.
const eventMost = 20 * time.Second

// An order reaches those who only hear of it: a notification is kept, and what was
// bought together is recommended. Told again, they know it.
func TestShopLearnsOfOrders(t *testing.T) {
	long(t)
	needs(t, "python3")
	needs(t, "node")
	s := startShop(t)
	ada := s.signUp()
	items := s.products(2)
	id := ada.buyAll(items...)
	ada.toldOnce(id)
	s.recommended(items[0].ID, items[1].ID, 1)

	for _, service := range []string{"recommendation", "notification"} {
		s.must("events", "replay", "order.confirmed", "--to", service, "--from", "all")
		s.answered(service, "/events/order", map[string]int{"recommendation": 2, "notification": 3}[service])
	}
	ada.toldOnce(id)
	s.recommended(items[0].ID, items[1].ID, 1)

	put(t, at(s.one("payment"), "/bank"), map[string]any{"mode": "decline"})
	ada.order(items[0].ID, unique()).problem(t, http.StatusPaymentRequired, "declined")
	ada.told(ada.orders()[0].ID, "order-placed", "order-failed")
}

// Those who hear of orders are away: orders go on, and nothing of them is missed.
func TestOrdersGoOnWhileNobodyListens(t *testing.T) {
	long(t)
	needs(t, "python3")
	needs(t, "node")
	s := startShop(t)
	ada := s.signUp()
	items := s.products(2)
	for _, name := range []string{"notification", "recommendation"} {
		s.must("scale", name, "0")
	}
	var ids []string
	for range 5 {
		ids = append(ids, ada.buyAll(items...))
	}
	kill(t, int(s.one("order").GetPid())) // and who told it need not be there any more
	for _, name := range []string{"notification", "recommendation"} {
		s.must("scale", name, "1")
	}
	for _, id := range ids {
		ada.toldOnce(id)
	}
	s.recommended(items[0].ID, items[1].ID, len(ids))
}

// The catalog learns from the inventory which products there are few of, and
// when there are enough again.
func TestLowStockBadge(t *testing.T) {
	s := startShop(t)
	s.badge("turntable-belt", "low-stock") // of which the seed has 3
	const item = "two-person-tent"         // 40
	if badge, err := s.badgeOf(item); err != nil || badge != "" {
		t.Fatalf("%s has the badge %q, %v", item, badge, err)
	}
	ada := s.signUp()
	if a := ada.orderOf(item, 36, unique()); a.status != http.StatusCreated {
		t.Fatalf("order: %s", a)
	}
	s.badge(item, "low-stock")

	const other = "harbour-espresso-beans" // 2,000
	inventory := s.one("inventory")
	put(t, at(inventory, "/reservations/all"), map[string]any{"items": []any{map[string]any{"product_id": other, "quantity": 2000}}})
	s.badge(other, "low-stock")
	if a := ask(t, http.MethodDelete, at(inventory, "/reservations/all"), nil); a.status != http.StatusNoContent {
		t.Fatal(a)
	}
	s.badge(other, "")
}

// buyAll is an order of one piece of each, which has to succeed; it returns its id.
func (c customer) buyAll(products ...product) string {
	c.t.Helper()
	var items []any
	for _, p := range products {
		items = append(items, map[string]any{"product_id": p.ID, "quantity": 1})
	}
	a := ask(c.t, http.MethodPost, c.url("/api/orders"), map[string]any{"items": items}, append(c.bearer(), "Idempotency-Key", unique())...)
	var o order
	a.decode(c.t, &o)
	if a.status != http.StatusCreated || o.Status != "confirmed" {
		c.t.Fatalf("order: %s", a)
	}
	return o.ID
}

// toldOnce waits until the customer was told of a confirmed order, once each of
// what there is to tell.
func (c customer) toldOnce(id string) {
	c.t.Helper()
	c.told(id, "order-placed", "order-confirmed")
}

// told waits until the customer was told just this about an order, oldest first.
func (c customer) told(id string, kinds ...string) {
	c.t.Helper()
	c.awaitNotices("notifications of "+id, func(all []notice) error {
		var got []string
		for _, n := range slices.Backward(all) {
			if n.Order == id && n.Email == c.email {
				got = append(got, n.Kind)
			}
		}
		if !slices.Equal(got, kinds) {
			return fmt.Errorf("told %v, want %v", got, kinds)
		}
		return nil
	})
}

// toldOfAll waits until the customer was told once that each of the orders is
// confirmed, and of no other.
func (c customer) toldOfAll(ids []string) {
	c.t.Helper()
	c.awaitNotices("notifications of all orders", func(all []notice) error {
		var got []string
		for _, n := range all {
			if n.Kind == "order-confirmed" {
				got = append(got, n.Order)
			}
		}
		slices.Sort(got)
		if want := slices.Sorted(slices.Values(ids)); !slices.Equal(got, want) {
			return fmt.Errorf("told of %d: %v, want %d: %v", len(got), got, len(want), want)
		}
		return nil
	})
}

// notice is what a customer was told.
type notice struct {
	Kind  string `json:"kind"`
	Email string `json:"email"`
	Order string `json:"order_id"`
}

// awaitNotices waits until what the customer was told, newest first, is as it should be.
func (c customer) awaitNotices(what string, holds func([]notice) error) {
	c.t.Helper()
	notification := c.one("notification")
	await(c.t, eventMost, what, func() error {
		a, err := send(http.MethodGet, at(notification, "/notifications?user_id="+c.id), nil)
		if err != nil {
			return err
		}
		var list struct{ Items []notice }
		if err := json.Unmarshal(a.body, &list); err != nil {
			return fmt.Errorf("%s: %w", a, err)
		}
		return holds(list.Items)
	})
}

// recommended waits until other is recommended with product, for so many orders.
func (s shop) recommended(product, other string, orders int) {
	s.t.Helper()
	await(s.t, eventMost, "a recommendation", func() error {
		a, err := send(http.MethodGet, s.url("/api/recommendations?product="+product), nil)
		if err != nil {
			return err
		}
		var list struct {
			Items []struct {
				Product string `json:"product_id"`
				Score   float64
			}
		}
		if err := json.Unmarshal(a.body, &list); err != nil {
			return fmt.Errorf("%s: %w", a, err)
		}
		if len(list.Items) == 0 || list.Items[0].Product != other || list.Items[0].Score != float64(orders) {
			return errors.New(a.String())
		}
		return nil
	})
}

// answered waits until a service has answered 200 so often at paths that begin so.
func (s shop) answered(service, path string, times int) {
	s.t.Helper()
	await(s.t, eventMost, service+" to answer", func() error {
		n := 0
		for line := range strings.SplitSeq(s.must("logs", service, "--json").out, "\n") {
			var outer struct{ Line string }
			var record struct {
				Path   string
				Status int
			}
			if json.Unmarshal([]byte(line), &outer) == nil && json.Unmarshal([]byte(outer.Line), &record) == nil &&
				strings.HasPrefix(record.Path, path) && record.Status == http.StatusOK {
				n++
			}
		}
		if n < times {
			return fmt.Errorf("%d times, want %d", n, times)
		}
		return nil
	})
}

// badge waits until the catalog shows a product with a badge, or with none.
func (s shop) badge(product, want string) {
	s.t.Helper()
	await(s.t, eventMost, fmt.Sprintf("%s to have the badge %q", product, want), func() error {
		badge, err := s.badgeOf(product)
		if err == nil && badge != want {
			err = fmt.Errorf("it has %q", badge)
		}
		return err
	})
}

func (s shop) badgeOf(product string) (string, error) {
	a, err := send(http.MethodGet, s.url("/api/products/"+product), nil)
	if err != nil {
		return "", err
	}
	var p struct{ Badge string }
	if err := json.Unmarshal(a.body, &p); err != nil || a.status != http.StatusOK {
		return "", fmt.Errorf("%s: %w", a, err)
	}
	return p.Badge, nil
}
