package main

import (
	"context"
	"net/http"

	"example.com/shop/contract"
)

// service answers the HTTP interface of money.
type service struct{ store store }

func (s *service) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("PUT /charges/{id}", contract.Handler(s.charge))
	mux.Handle("DELETE /charges/{id}", contract.Handler(s.refund))
	mux.Handle("GET /charges", contract.Handler(s.charges))
	mux.Handle("GET /bank", contract.Handler(s.bank))
	mux.Handle("PUT /bank", contract.Handler(s.switchBank))
	return mux
}

// charge takes the money once, however often it is asked: the id is the caller's.
func (s *service) charge(w http.ResponseWriter, r *http.Request) error {
	var in contract.NewCharge
	if err := contract.ReadJSON(w, r, &in); err != nil {
		return err
	}
	if in.OrderID == "" || in.AmountCents <= 0 || len(in.Currency) != 3 {
		return contract.Invalid("order_id, a positive amount_cents and a currency of three letters are needed.")
	}
	// A bank does not stop when the caller hangs up, and nor does this.
	ctx := context.WithoutCancel(r.Context())
	charge, found, err := s.store.find(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	status := http.StatusOK
	if !found {
		status = http.StatusCreated
		state, err := s.askBank(ctx)
		if err != nil {
			return err
		}
		if charge, err = s.store.add(ctx, r.PathValue("id"), in, state); err != nil {
			return err
		}
	}
	return answer(w, status, in, charge)
}

func answer(w http.ResponseWriter, status int, in contract.NewCharge, charge contract.Charge) error {
	switch charge.State {
	case contract.ChargeRefunded, contract.ChargeCancelled:
		return contract.NewProblem(http.StatusConflict, "cancelled", "This charge was undone.")
	case contract.ChargeDeclined:
		return contract.No(w, "declined", "The bank declined the payment.")
	}
	if charge.OrderID != in.OrderID || charge.AmountCents != in.AmountCents || charge.Currency != in.Currency {
		return contract.NewProblem(http.StatusUnprocessableEntity, "charge-differs", "This id was used for another charge.")
	}
	return contract.WriteJSON(w, status, charge)
}

func (s *service) refund(w http.ResponseWriter, r *http.Request) error {
	if err := s.store.undo(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *service) charges(w http.ResponseWriter, r *http.Request) error {
	charges, err := s.store.list(r.Context(), r.FormValue("order_id"))
	if err != nil {
		return err
	}
	return contract.WriteJSON(w, http.StatusOK, contract.ListOf(charges))
}
