package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"example.com/shop/contract"
)

// unstarted gives the orders from before a time whose saga is not known to be started, oldest first.
func (s store) unstarted(ctx context.Context, before time.Time) (ids []string, err error) {
	rows, err := s.db.QueryContext(ctx, `
		SELECT id FROM orders WHERE status = 'pending' AND NOT started AND created_at <= ? ORDER BY created_at LIMIT 1000`, before.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// started notes that an order has its saga.
func (s store) started(ctx context.Context, id string) error {
	ctx = context.WithoutCancel(ctx)
	return s.write.do(func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE orders SET started = TRUE WHERE id = ?`, id)
		return err
	})
}

// end stores how an order ended, and tells of it, unless it has ended before.
func (s store) end(ctx context.Context, o *order) error {
	shipment, err := json.Marshal(o.shipment)
	if err != nil {
		return err
	}
	problem, err := json.Marshal(o.problem)
	if err != nil {
		return err
	}
	topic := contract.TopicOrderFailed
	if o.status == contract.OrderConfirmed {
		topic = contract.TopicOrderConfirmed
	}
	ctx = context.WithoutCancel(ctx)
	return s.write.do(func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `
			UPDATE orders SET status = ?, shipment = ?, problem = ? WHERE id = ? AND status = 'pending'`, o.status, string(shipment), string(problem), o.id)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err // without one: it came twice at once
		}
		return publish(ctx, tx, topic, o)
	})
}
