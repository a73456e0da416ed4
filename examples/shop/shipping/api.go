package main

import (
	"net/http"

	"example.com/shop/contract"
)

// service answers the HTTP interface of parcels.
type service struct{ store store }

func (s *service) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("PUT /shipments/{id}", contract.Handler(s.ship))
	mux.Handle("DELETE /shipments/{id}", contract.Handler(s.cancel))
	mux.Handle("GET /shipments", contract.Handler(s.shipments))
	return mux
}

// ship books a shipment once, however often it is asked: the id is the caller's.
func (s *service) ship(w http.ResponseWriter, r *http.Request) error {
	var in contract.NewShipment
	if err := contract.ReadJSON(w, r, &in); err != nil {
		return err
	}
	if in.OrderID == "" || len(in.Items) == 0 {
		return contract.Invalid("order_id and items are needed.")
	}
	shipment, created, err := s.store.add(r.Context(), r.PathValue("id"), in)
	switch {
	case err != nil:
		return err
	case shipment.State == contract.ShipmentCancelled:
		return contract.NewProblem(http.StatusConflict, "cancelled", "This shipment was cancelled.")
	case shipment.OrderID != in.OrderID:
		return contract.NewProblem(http.StatusUnprocessableEntity, "shipment-differs", "This id was used for another order.")
	case created:
		return contract.WriteJSON(w, http.StatusCreated, shipment)
	}
	return contract.WriteJSON(w, http.StatusOK, shipment)
}

func (s *service) cancel(w http.ResponseWriter, r *http.Request) error {
	if err := s.store.cancel(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *service) shipments(w http.ResponseWriter, r *http.Request) error {
	shipments, err := s.store.list(r.Context(), r.FormValue("order_id"))
	if err != nil {
		return err
	}
	return contract.WriteJSON(w, http.StatusOK, contract.ListOf(shipments))
}
