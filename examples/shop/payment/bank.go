package main

import (
	"context"
	"net/http"
	"time"

	"example.com/shop/contract"
)

// maxDelay bounds how slow the bank can be made, in milliseconds.
const maxDelay = 60_000

// askBank asks the simulated bank for the money, and gives the state that the charge is then in.
func (s *service) askBank(ctx context.Context) (state string, err error) {
	bank, err := s.store.bank(ctx)
	if err != nil {
		return "", err
	}
	switch bank.Mode {
	case contract.BankDecline:
		return contract.ChargeDeclined, nil
	case contract.BankFault:
		return "", contract.NewProblem(http.StatusBadGateway, "bank-fault", "The bank does not work at the moment.")
	case contract.BankDelay:
		select {
		case <-time.After(time.Duration(bank.DelayMS) * time.Millisecond):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	return contract.ChargeCharged, nil
}

func (s *service) bank(w http.ResponseWriter, r *http.Request) error {
	bank, err := s.store.bank(r.Context())
	if err != nil {
		return err
	}
	return contract.WriteJSON(w, http.StatusOK, bank)
}

func (s *service) switchBank(w http.ResponseWriter, r *http.Request) error {
	var in contract.Bank
	if err := contract.ReadJSON(w, r, &in); err != nil {
		return err
	}
	switch in.Mode {
	case contract.BankOK, contract.BankDecline, contract.BankDelay, contract.BankFault:
	default:
		return contract.Invalid(`mode must be "ok", "decline", "delay" or "fault".`)
	}
	if in.DelayMS < 0 || in.DelayMS > maxDelay {
		return contract.Invalid("delay_ms must be from 0 to 60000.")
	}
	if err := s.store.setBank(r.Context(), in); err != nil {
		return err
	}
	return contract.WriteJSON(w, http.StatusOK, in)
}
