package main

import (
	"errors"
	"net/http"

	"example.com/shop/contract"
)

// replay answers a request whose key was used before, and tells whether it has. Who asks for the same again gets the same answer,
// for which it waits where the order is pending. A failed order, of which nothing is left, is the exception: its 503 said to try
// again, so its key does a new one.
func (s *service) replay(w http.ResponseWriter, r *http.Request, asked *order) (done bool, err error) {
	before, err := s.store.byKey(r.Context(), asked.caller.ID, asked.key)
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
	if !before.settled() {
		told := s.waiters.add(before.id)
		defer s.waiters.remove(before.id, told)
		if before, err = s.store.find(r.Context(), before.id); err == nil && !before.settled() { // not before somebody waits
			before, err = s.wait(r.Context(), before, told)
		}
		if err != nil {
			return true, err
		}
	}
	w.Header().Set("Idempotency-Replayed", "true")
	return true, answer(w, before)
}
