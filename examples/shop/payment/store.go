package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"example.com/shop/contract"
)

// store keeps charges and the bank's switch.
type store struct{ db *sql.DB }

const chargeColumns = `id, order_id, amount_cents, currency, state`

func (s store) find(ctx context.Context, id string) (charge contract.Charge, found bool, err error) {
	row := s.db.QueryRowContext(ctx, `SELECT `+chargeColumns+` FROM charges WHERE id = ?`, id)
	err = row.Scan(&charge.ID, &charge.OrderID, &charge.AmountCents, &charge.Currency, &charge.State)
	if errors.Is(err, sql.ErrNoRows) {
		return charge, false, nil
	}
	return charge, err == nil, err
}

// add books a charge and tells of it, unless the id has come to be known while the bank was asked: then that row stands, and is
// given. An undo that overtook its charge is such a row.
func (s store) add(ctx context.Context, id string, in contract.NewCharge, state string) (contract.Charge, error) {
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `
			INSERT INTO charges (id, order_id, user_id, amount_cents, currency, state) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO NOTHING`, id, in.OrderID, in.UserID, in.AmountCents, in.Currency, state)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 || state != contract.ChargeCharged {
			return err
		}
		return publish(ctx, tx, contract.TopicPaymentCharged, id)
	})
	if err != nil {
		return contract.Charge{}, err
	}
	charge, found, err := s.find(ctx, id)
	if err == nil && !found {
		err = fmt.Errorf("charge %s was booked and is not there", id)
	}
	return charge, err
}

// undo refunds a charge and tells of it, or leaves a mark that stops one that is still to come. Of one that was declined, which
// is such a mark, it changes nothing.
func (s store) undo(ctx context.Context, id string) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE charges SET state = 'refunded' WHERE id = ? AND state = 'charged'`, id)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil {
			return err
		} else if n > 0 {
			return publish(ctx, tx, contract.TopicPaymentRefunded, id)
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO charges (id, order_id, user_id, amount_cents, currency, state) VALUES (?, '', '', 0, '', 'cancelled')
			ON CONFLICT (id) DO NOTHING`, id)
		return err
	})
}

// publish tells of a charge if, and only if, the transaction that changes it is committed.
func publish(ctx context.Context, tx *sql.Tx, topic, id string) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO outbox (topic, subject, data, attributes)
		SELECT ?1, order_id, json_object('id', id, 'order_id', order_id, 'user_id', user_id, 'amount_cents', amount_cents, 'currency', currency), ?3
		FROM charges WHERE id = ?2`, topic, id, contract.EventAttributes(ctx))
	return err
}

// inTx runs work in a transaction, which is committed if work succeeds.
func (s store) inTx(ctx context.Context, work func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := work(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// list gives all charges, or those of one order.
func (s store) list(ctx context.Context, orderID string) (charges []contract.Charge, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+chargeColumns+` FROM charges WHERE ?1 IN ('', order_id) ORDER BY rowid`, orderID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var c contract.Charge
		if err := rows.Scan(&c.ID, &c.OrderID, &c.AmountCents, &c.Currency, &c.State); err != nil {
			return nil, err
		}
		charges = append(charges, c)
	}
	return charges, rows.Err()
}

func (s store) bank(ctx context.Context) (bank contract.Bank, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT mode, delay_ms FROM bank`).Scan(&bank.Mode, &bank.DelayMS)
	return bank, err
}

func (s store) setBank(ctx context.Context, bank contract.Bank) error {
	_, err := s.db.ExecContext(ctx, `UPDATE bank SET mode = ?, delay_ms = ?`, bank.Mode, bank.DelayMS)
	return err
}
