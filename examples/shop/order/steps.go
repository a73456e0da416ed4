package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"example.com/shop/contract"
)

// step is one thing that an order asks of another service. Both ways are idempotent: doing twice is doing once, and an undo that
// comes before its do keeps that from happening.
type step struct {
	name    string
	service string
	timeout time.Duration
	refusal string // the code of the problem by which the service says no, having done nothing
	do      func(context.Context, *order) error
	undo    func(context.Context, *order) error // nil: undone with an earlier step
}

// steps are what a checkout does, in this order. The order's id is the id of all that is made for it.
func steps(d dependencies) []step {
	return []step{
		{
			name: "reserve", service: "inventory", timeout: time.Second, refusal: "out-of-stock",
			do: func(ctx context.Context, o *order) error {
				return d.inventory.Do(ctx, http.MethodPut, at("/reservations/", o), contract.Reservation{Items: o.quantities()}, nil)
			},
			undo: func(ctx context.Context, o *order) error {
				return d.inventory.Do(ctx, http.MethodDelete, at("/reservations/", o), nil, nil)
			},
		},
		{
			name: "charge", service: "payment", timeout: 3 * time.Second, refusal: "declined",
			do: func(ctx context.Context, o *order) error {
				charge := contract.NewCharge{OrderID: o.id, UserID: o.caller.ID, AmountCents: o.totalCents, Currency: o.currency}
				return d.payment.Do(ctx, http.MethodPut, at("/charges/", o), charge, nil)
			},
			undo: func(ctx context.Context, o *order) error {
				return d.payment.Do(ctx, http.MethodDelete, at("/charges/", o), nil, nil)
			},
		},
		{
			name: "ship", service: "shipping", timeout: time.Second,
			do: func(ctx context.Context, o *order) error {
				shipment := contract.NewShipment{OrderID: o.id, UserID: o.caller.ID, Items: o.quantities()}
				o.shipment = &contract.Shipment{}
				return d.shipping.Do(ctx, http.MethodPut, at("/shipments/", o), shipment, o.shipment)
			},
			undo: func(ctx context.Context, o *order) error {
				return d.shipping.Do(ctx, http.MethodDelete, at("/shipments/", o), nil, nil)
			},
		},
		{
			name: "commit", service: "inventory", timeout: time.Second,
			do: func(ctx context.Context, o *order) error {
				return d.inventory.Do(ctx, http.MethodPost, at("/reservations/", o)+"/commit", nil, nil)
			},
		},
	}
}

func at(collection string, o *order) string { return collection + url.PathEscape(o.id) }

// try does the step for an order. It fails with the problem that the order then has, and tells whether the service refused: then
// it has done nothing. After any other failure, a timeout among them, it may have.
func (s step) try(ctx context.Context, o *order) (problem *contract.Problem, refused bool, cause error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err := s.do(ctx, o)
	if err == nil {
		return nil, false, nil
	}
	if said, ok := errors.AsType[*contract.Problem](err); ok && s.refusal != "" && said.Code == s.refusal {
		refusal := contract.NewProblem(said.Status, said.Code, said.Detail)
		refusal.Products = said.Products
		return refusal, true, err
	}
	return unavailable(s.service), false, err
}

// revert undoes the step for an order.
func (s step) revert(ctx context.Context, o *order) error {
	if s.undo == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.undo(ctx, o)
}
