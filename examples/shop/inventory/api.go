package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"example.com/shop/contract"
)

// maxProducts bounds how many products one request can be about.
const maxProducts = 100

// service answers the HTTP interface of stock.
type service struct{ store store }

// newService fills an empty store with the seed.
func newService(ctx context.Context, store store) (*service, error) {
	return &service{store}, seed(ctx, store)
}

func (s *service) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /api/stock", contract.Handler(s.stock))
	mux.Handle("PUT /reservations/{id}", contract.Handler(s.reserve))
	mux.Handle("DELETE /reservations/{id}", contract.Handler(s.cancel))
	mux.Handle("POST /reservations/{id}/commit", contract.Handler(s.commit))
	mux.Handle("GET /reservations", contract.Handler(s.reservations))
	return mux
}

// stock answers for the products that it knows; the others are left out.
func (s *service) stock(w http.ResponseWriter, r *http.Request) error {
	products := r.URL.Query()["product"]
	if len(products) == 0 || len(products) > maxProducts {
		return contract.Invalid("Name from 1 to 100 products: ?product=ID&product=ID.")
	}
	stock, err := s.store.available(r.Context(), products)
	if err != nil {
		return err
	}
	return contract.WriteJSON(w, http.StatusOK, contract.ListOf(stock))
}

// reserve holds stock back once, however often it is asked: the id is the caller's.
func (s *service) reserve(w http.ResponseWriter, r *http.Request) error {
	var in contract.Reservation
	if err := contract.ReadJSON(w, r, &in); err != nil {
		return err
	}
	if err := validate(in.Items); err != nil {
		return err
	}
	reservation, created, err := s.store.reserve(r.Context(), r.PathValue("id"), in.Items)
	if short, ok := errors.AsType[*shortage](err); ok {
		problem := contract.No(w, "out-of-stock", short.Error())
		problem.Products = []string{short.productID}
		return problem
	}
	if err != nil {
		return err
	}
	if reservation.State == contract.ReservationCancelled {
		return cancelled()
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return contract.WriteJSON(w, status, reservation)
}

func validate(items []contract.Item) error {
	if len(items) == 0 || len(items) > maxProducts {
		return contract.Invalid("items must have 1 to 100 products.")
	}
	seen := map[string]bool{}
	for _, item := range items {
		if item.Quantity <= 0 || seen[item.ProductID] {
			return contract.Invalid(fmt.Sprintf("items must have each product once, and at least one of it: %q.", item.ProductID))
		}
		seen[item.ProductID] = true
	}
	return nil
}

func (s *service) cancel(w http.ResponseWriter, r *http.Request) error {
	if err := s.store.cancel(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *service) commit(w http.ResponseWriter, r *http.Request) error {
	state, err := s.store.commit(r.Context(), r.PathValue("id"))
	switch {
	case errors.Is(err, errNoReservation):
		return contract.NotFound("reservation", r.PathValue("id"))
	case err != nil:
		return err
	case state == contract.ReservationCancelled:
		return cancelled()
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func cancelled() error {
	return contract.NewProblem(http.StatusConflict, "cancelled", "This reservation was cancelled.")
}

func (s *service) reservations(w http.ResponseWriter, r *http.Request) error {
	reservations, err := s.store.list(r.Context(), r.FormValue("open") == "true")
	if err != nil {
		return err
	}
	return contract.WriteJSON(w, http.StatusOK, contract.ListOf(reservations))
}
