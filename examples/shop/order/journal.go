package main

import (
	"context"
	"database/sql"
	"encoding/json"

	"example.com/shop/contract"
)

// open gives the orders that are neither done nor undone, oldest first.
func (s store) open(ctx context.Context) ([]string, error) {
	return s.strings(ctx, `SELECT id FROM orders WHERE status IN ('pending', 'undoing') ORDER BY created_at`)
}

// begin notes that a step is about to be done.
func (s store) begin(ctx context.Context, o *order, step string) error {
	_, err := s.db.ExecContext(ctx, `
		INSERT INTO order_steps (order_id, step, state) VALUES (?, ?, 'begun') ON CONFLICT DO NOTHING`, o.id, step)
	return err
}

// begun gives the steps that may have been done and are not undone.
func (s store) begun(ctx context.Context, o *order) ([]string, error) {
	return s.strings(ctx, `SELECT step FROM order_steps WHERE order_id = ? AND state = 'begun'`, o.id)
}

// undone notes that a step is undone.
func (s store) undone(ctx context.Context, o *order, step string) error {
	_, err := s.db.ExecContext(ctx, `UPDATE order_steps SET state = 'undone' WHERE order_id = ? AND step = ?`, o.id, step)
	return err
}

// fail decides that an order does not go through, because of a problem. A refused step, if there is one, needs no undoing.
func (s store) fail(ctx context.Context, o *order, problem *contract.Problem, refusedStep string) error {
	encoded, err := json.Marshal(problem)
	if err != nil {
		return err
	}
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE orders SET status = ?, problem = ? WHERE id = ?`, undoing, string(encoded), o.id)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			UPDATE order_steps SET state = 'refused' WHERE order_id = ? AND step = ?`, o.id, refusedStep)
		return err
	})
	if err == nil {
		o.status, o.problem = undoing, problem
	}
	return err
}

// confirm ends an order whose steps are all done, and tells of it.
func (s store) confirm(ctx context.Context, o *order) error {
	ended := *o
	ended.status = contract.OrderConfirmed
	return s.end(ctx, o, ended, contract.TopicOrderConfirmed)
}

// settle ends an order that is undone, and tells of it.
func (s store) settle(ctx context.Context, o *order, status string) error {
	ended := *o
	ended.status, ended.shipment = status, nil
	return s.end(ctx, o, ended, contract.TopicOrderFailed)
}

func (s store) end(ctx context.Context, o *order, ended order, topic string) error {
	shipment, err := json.Marshal(ended.shipment)
	if err != nil {
		return err
	}
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `
			UPDATE orders SET status = ?1, shipment = ?2 WHERE id = ?3 AND status <> ?1`, ended.status, string(shipment), o.id)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err // without one: a replica that found it open too has ended and told it
		}
		return publish(ctx, tx, topic, &ended)
	})
	if err == nil {
		*o = ended
	}
	return err
}

// strings gives the one column of a query.
func (s store) strings(ctx context.Context, query string, args ...any) (out []string, err error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, rows.Err()
}
