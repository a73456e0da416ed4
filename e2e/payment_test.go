package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// The bank does not work: orders get a clear answer, the rest goes on, and
// nothing is left behind.
func TestPaymentBankFault(t *testing.T) {
	long(t)
	s := startShop(t)
	ada := s.signUp()
	ada.buy()
	payment := s.one("payment")
	charged := s.charges(payment)

	put(t, at(payment, "/bank"), map[string]any{"mode": "fault"})
	s.orderFails(ada, "payment-unavailable")
	s.restGoesOn()
	put(t, at(payment, "/bank"), map[string]any{"mode": "ok"})
	s.nothingOpen()
	if now := s.charges(payment); now != charged {
		t.Errorf("%d charges are settled, want %d as before the fault", now, charged)
	}
	ada.buy()
}

// Payment is not there at all: its replicas are 0, or its program does not
// start. What is reserved for an order that fails is given back.
func TestPaymentDown(t *testing.T) {
	long(t)
	s := startShop(t)
	ada := s.signUp()
	ada.buy()

	t.Run("scaled to 0", func(t *testing.T) {
		s.must("scale", "payment", "0")
		s.orderFails(ada, "payment-unavailable")
		s.restGoesOn()
		s.nothingOpen()
		s.must("scale", "payment", "1")
		ada.buy()
	})
	t.Run("its program does not start", func(t *testing.T) {
		command := "command: " + bin.dir + "/shop/payment"
		s.must("down")
		s.edit(command, "command: /bin/false")
		r := s.banyan("up", "-d")
		if r.code != 1 || !strings.Contains(r.err, "payment") || !strings.Contains(r.err, "exit code 1") {
			t.Errorf("want exit code 1, and payment's named: %s", r)
		}
		ada := s.signUp()
		s.orderFails(ada, "payment-unavailable")
		s.restGoesOn()
		s.nothingOpen()
		s.edit("command: /bin/false", command)
		s.up()
		ada.buy()
	})
}

// orderFails orders and wants a 503 with the code, soon.
func (s shop) orderFails(c customer, code string) {
	s.t.Helper()
	began := time.Now()
	a := c.order(s.products(1)[0].ID, unique())
	p := a.problem(s.t, http.StatusServiceUnavailable, code)
	if a.header.Get("Retry-After") == "" {
		s.t.Errorf("no Retry-After: %s", a)
	}
	s.t.Logf("an order got %d %s after %s: %s", p.Status, p.Code, ms(time.Since(began)), p.Detail)
	if took := time.Since(began); took > 15*time.Second {
		s.t.Errorf("the answer took %s", took)
	}
}

// restGoesOn does what needs no payment: the page, browsing, search, sign-up
// and sign-in, looking at orders.
func (s shop) restGoesOn() {
	s.t.Helper()
	bob := s.signUp()
	for _, url := range without(bob.reads(), "") {
		get(s.t, url, bob.bearer()...)
	}
	var found struct{ Items []product }
	get(s.t, s.url("/api/products?q=lamp")).decode(s.t, &found)
	if len(found.Items) == 0 {
		s.t.Error("the search finds no lamp")
	}
}

// nothingOpen waits until no stock is reserved for an order that is not confirmed.
func (s shop) nothingOpen() {
	s.t.Helper()
	inventory := s.one("inventory")
	await(s.t, 20*time.Second, "reservations to be given back", func() error {
		a, err := send(http.MethodGet, at(inventory, "/reservations?open=true"), nil)
		if err != nil {
			return err
		}
		var list struct{ Items []map[string]any }
		a.decode(s.t, &list)
		if a.status != http.StatusOK || len(list.Items) > 0 {
			return fmt.Errorf("open: %s", a)
		}
		return nil
	})
}

// charges counts the charges for which the bank has taken money. It waits until
// none is undecided.
func (s shop) charges(payment *banyanv1.Instance) int {
	s.t.Helper()
	n := 0
	await(s.t, 20*time.Second, "charges to be decided", func() error {
		var list struct {
			Items []struct{ ID, State string }
		}
		get(s.t, at(payment, "/charges")).decode(s.t, &list)
		n = 0
		for _, c := range list.Items {
			switch c.State {
			case "charged":
				n++
			case "refunded", "cancelled", "declined":
			default:
				return errors.New("a charge is " + c.State)
			}
		}
		return nil
	})
	return n
}
