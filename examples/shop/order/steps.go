package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"

	"example.com/shop/contract"
)

// checkoutOrder is what the saga needs to know of an order: its first step asks for it.
type checkoutOrder struct {
	Items  []contract.Item    `json:"items"`
	Charge contract.NewCharge `json:"charge"`
	UserID string             `json:"user_id"`
}

// begin answers the first step of an order's saga.
func (s *service) begin(w http.ResponseWriter, r *http.Request) error {
	o, err := s.store.find(r.Context(), r.PathValue("id"))
	if errors.Is(err, errNoOrder) {
		return contract.NotFound("order", r.PathValue("id"))
	}
	if err != nil {
		return err
	}
	return contract.WriteJSON(w, http.StatusOK, checkoutOrder{
		Items:  o.quantities(),
		Charge: contract.NewCharge{OrderID: o.id, UserID: o.caller.ID, AmountCents: o.totalCents, Currency: o.currency},
		UserID: o.caller.ID,
	})
}

// confirm answers the last step: all is done.
func (s *service) confirm(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Shipment *contract.Shipment `json:"shipment"`
	}
	if err := contract.ReadJSON(w, r, &in); err != nil {
		return err
	}
	return s.end(w, r, func(o *order) {
		o.status, o.shipment = contract.OrderConfirmed, in.Shipment
	})
}

// failure is why a saga was undone, as the platform tells it.
type failure struct {
	Step string          `json:"step"`
	Body json.RawMessage `json:"body"` // the step's answer
}

// fail answers the undo of the first step, which comes last: all else is undone.
func (s *service) fail(w http.ResponseWriter, r *http.Request) error {
	var in failure
	if err := contract.ReadJSON(w, r, &in); err != nil {
		return err
	}
	problem := in.problem()
	return s.end(w, r, func(o *order) {
		o.problem, o.status = problem, outcome(problem)
	})
}

// services are whom the steps call.
var services = map[string]string{"reserve": "inventory", "charge": "payment", "ship": "shipping", "commit": "inventory"}

// statuses are how a customer is answered when a service has said no.
var statuses = map[string]int{"out-of-stock": http.StatusConflict, "declined": http.StatusPaymentRequired}

// problem is what the customer hears of a failure.
func (f failure) problem() *contract.Problem {
	var said contract.Problem
	_ = json.Unmarshal(f.Body, &said) // whatever else was answered says nothing to a customer
	if status := statuses[said.Code]; status != 0 {
		refusal := contract.NewProblem(status, said.Code, said.Detail)
		refusal.Products = said.Products
		return refusal
	}
	return unavailable(cmp.Or(services[f.Step], "checkout"))
}

// end ends an order, once, and tells those who wait for it.
func (s *service) end(w http.ResponseWriter, r *http.Request, how func(*order)) error {
	id := r.PathValue("id")
	o, err := s.store.find(r.Context(), id)
	if errors.Is(err, errNoOrder) {
		return contract.NotFound("order", id)
	}
	if err != nil {
		return err
	}
	if !o.settled() {
		how(o)
		if err := s.store.end(r.Context(), o); err != nil {
			return err
		}
	}
	s.waiters.tell(id)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
