package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"
)

// Customers buy while everything is being killed: services, daemon, data plane.
// In the end the books agree: what is confirmed is charged and gone from the
// stock, what is not is neither, and nothing stays reserved; and the customer was
// told of each confirmed order once.
func TestBooksAgreeWhateverIsKilled(t *testing.T) {
	long(t)
	random := chance(t)
	s := startShop(t)
	const buyers = 4
	items := s.products(buyers)
	before := make([]int, buyers)
	customers := make([]customer, buyers)
	for n := range customers {
		customers[n], before[n] = s.signUp(), s.stock(items[n].ID)
	}
	stop := make(chan struct{})
	bought := make([]map[string]string, buyers) // order by key
	var wg sync.WaitGroup
	for n, c := range customers {
		bought[n] = map[string]string{}
		wg.Go(func() { c.keepBuying(items[n].ID, stop, bought[n]) })
	}
	kills := s.havoc(t, random, 20*time.Second)
	s.settled(60 * time.Second)
	close(stop)
	wg.Wait()
	s.nothingOpen()

	confirmed := 0
	for n, c := range customers {
		for key, id := range bought[n] {
			if status := c.decided(id); status != "confirmed" {
				t.Errorf("the order %s of key %s was answered with 201 and is %q", id, key, status)
			}
			if !s.charged(id) {
				t.Errorf("the order %s is confirmed and not charged", id)
			}
		}
		for _, o := range c.orders() { // the newest, failed ones among them
			if good := o.Status == "confirmed"; s.charged(o.ID) != good {
				t.Errorf("the order %s is %s, and charged is %t", o.ID, o.Status, !good)
			}
		}
		if gone := before[n] - s.stock(items[n].ID); gone != len(bought[n]) {
			t.Errorf("%d pieces of %s are gone from the stock, %d were bought", gone, items[n].ID, len(bought[n]))
		}
		confirmed += len(bought[n])
	}
	if charges := s.charges(s.one("payment")); charges != confirmed {
		t.Errorf("%d charges are kept for %d orders", charges, confirmed)
	}
	if _, err := exec.LookPath("node"); err == nil {
		for n, c := range customers {
			c.toldOfAll(slices.Collect(maps.Values(bought[n])))
		}
	}
	figure(t, "%d kills; %d orders confirmed; the books agree: %t", kills, confirmed, !t.Failed())
	if confirmed == 0 {
		t.Error("nobody could buy anything")
	}
}

type order struct{ ID, Status string }

// decided waits until an order is not pending any more and returns its status.
func (c customer) decided(id string) string {
	c.t.Helper()
	var o order
	await(c.t, 60*time.Second, "an order to be decided", func() error {
		a, err := send(http.MethodGet, c.url("/api/orders/"+id), nil, c.bearer()...)
		if err != nil {
			return err
		}
		if a.status != http.StatusOK || json.Unmarshal(a.body, &o) != nil || o.Status == "pending" {
			return errors.New(a.String())
		}
		return nil
	})
	return o.Status
}

// orders are the newest 100 of a customer, once none is pending.
func (c customer) orders() []order {
	c.t.Helper()
	var list struct{ Items []order }
	await(c.t, 60*time.Second, "orders to be decided", func() error {
		a, err := send(http.MethodGet, c.url("/api/orders"), nil, c.bearer()...)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(a.body, &list); err != nil || a.status != http.StatusOK {
			return fmt.Errorf("%s: %w", a, err)
		}
		for _, o := range list.Items {
			if o.Status == "pending" {
				return errors.New(o.ID + " is pending")
			}
		}
		return nil
	})
	return list.Items
}

// charged reports whether money is kept for an order.
func (s shop) charged(id string) bool {
	s.t.Helper()
	var list struct{ Items []struct{ State string } }
	get(s.t, at(s.one("payment"), "/charges?order_id="+id)).decode(s.t, &list)
	n := 0
	for _, c := range list.Items {
		if c.State == "charged" {
			n++
		}
	}
	if n > 1 {
		s.t.Errorf("order %s is charged %d times", id, n)
	}
	return n > 0
}

// keepBuying orders one piece after another. What was not answered is asked for
// again with the same key, as the page does, until the shop has said what became of it.
func (c customer) keepBuying(product string, stop <-chan struct{}, bought map[string]string) {
	key, open := unique(), false // open: it is not known what became of the key
	for {
		select {
		case <-stop:
			if !open {
				return
			}
		case <-time.After(20 * time.Millisecond):
		}
		open = true
		body := map[string]any{"items": []any{map[string]any{"product_id": product, "quantity": 1}}}
		a, err := send(http.MethodPost, c.url("/api/orders"), body, append(c.bearer(), "Idempotency-Key", key)...)
		var o order
		switch {
		case err != nil: // whether it was placed is not known: the same key again
		case a.status == http.StatusCreated && json.Unmarshal(a.body, &o) == nil:
			bought[key] = o.ID
			key, open = unique(), false
		case a.header.Get("Banyan-Error") == "" && a.status >= 400 && a.status != http.StatusConflict && a.status != http.StatusTooManyRequests:
			key, open = unique(), false // the shop itself has said that it failed
		}
	}
}

// havoc kills one process after another.
func (a *app) havoc(t *testing.T, random *rand.Rand, d time.Duration) int {
	t.Helper()
	kills := 0
	killed := map[string]int{}
	for end := time.Now().Add(d); time.Now().Before(end); {
		pause(t, time.Duration(150+random.IntN(500))*time.Millisecond)
		victims := a.processes()
		p := victims[random.IntN(len(victims))]
		if p.instance != "" && killed[p.instance] >= 4 || !alive(p.pid) {
			continue // each crash doubles its wait for the next start
		}
		killed[p.instance]++
		kills++
		kill(t, p.pid)
		if a.pid("daemon") == 0 && a.pid("proxy") == 0 {
			a.banyan("ps") // nobody else can start them
		}
	}
	return kills
}

// The order service dies in the middle of a checkout. The same request again
// has one outcome, and whatever that is, the books agree.
func TestKillOrderDuringCheckout(t *testing.T) {
	long(t)
	s := startShop(t)
	ada := s.signUp()
	item := s.products(1)[0].ID
	put(t, at(s.one("payment"), "/bank"), map[string]any{"mode": "delay", "delay_ms": 1000})
	before := s.stock(item)
	key := unique()
	done := make(chan answer, 1)
	go func() {
		body := map[string]any{"items": []any{map[string]any{"product_id": item, "quantity": 1}}}
		a, err := send(http.MethodPost, s.url("/api/orders"), body, append(ada.bearer(), "Idempotency-Key", key)...)
		if err != nil {
			a.body = []byte(err.Error())
		}
		done <- a
	}()
	await(t, 10*time.Second, "the reservation", func() error {
		if s.stock(item) == before {
			return errors.New("the stock is as before")
		}
		return nil
	})
	kill(t, int(s.one("order").GetPid()))
	t.Logf("the first answer: %s", <-done)
	put(t, at(s.one("payment"), "/bank"), map[string]any{"mode": "ok"})
	s.settled(30 * time.Second)
	s.nothingOpen()
	list := ada.orders()
	if len(list) != 1 {
		t.Fatalf("%d orders: %v", len(list), list)
	}
	again := ada.order(item, key)
	t.Logf("the order is %s; the same request again: %s", list[0].Status, again)
	good := list[0].Status == "confirmed"
	if charged := s.charged(list[0].ID); charged != good {
		t.Errorf("it is %s, and charged is %t", list[0].Status, charged)
	}
	if gone := before - s.stock(item); gone != map[bool]int{true: 1, false: 0}[good] {
		t.Errorf("it is %s, and %d are gone from the stock", list[0].Status, gone)
	}
	if n := len(ada.orders()); n != 1 {
		t.Errorf("the same key made %d orders", n)
	}
}
