package main

import (
	"context"
	"errors"
	"net/http"

	"example.com/shop/contract"
)

// replay answers a request whose key was used before, and tells whether it has. Who asks for the same again gets the same answer. A
// failed order, of which nothing is left, is the exception: its 503 said to try again, so its key does a new one.
func (s *service) replay(ctx context.Context, w http.ResponseWriter, asked *order) (done bool, err error) {
	before, err := s.store.byKey(ctx, asked.caller.ID, asked.key)
	if errors.Is(err, errNoOrder) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if before.fingerprint != asked.fingerprint {
		return true, contract.NewProblem(http.StatusUnprocessableEntity, "idempotency-key-reused",
			"This Idempotency-Key was used for another order.")
	}
	if before.status == contract.OrderFailed {
		return false, nil
	}
	if before.status == contract.OrderPending {
		w.Header().Set("Retry-After", "1")
		return true, contract.NewProblem(http.StatusConflict, "order-in-progress",
			"The order with this Idempotency-Key is being worked on. Ask again in a moment.")
	}
	w.Header().Set("Idempotency-Replayed", "true")
	return true, answer(w, before)
}
