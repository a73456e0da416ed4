package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"example.com/shop/contract"
)

var (
	errNoOrder  = errors.New("no such order")
	errKeyTaken = errors.New("the idempotency key is taken")
)

// store keeps orders.
type store struct {
	db    *sql.DB
	write *writer
}

// create adds a pending order and tells of it. A failed order gives up its key for it; any other that has the key makes it fail with errKeyTaken.
func (s store) create(ctx context.Context, o *order) error {
	ctx = context.WithoutCancel(ctx)
	return s.write.do(func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			UPDATE orders SET idempotency_key = NULL WHERE user_id = ? AND idempotency_key = ? AND status = ?`,
			o.caller.ID, o.key, contract.OrderFailed)
		if err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, `
			INSERT INTO orders (id, user_id, email, idempotency_key, fingerprint, status, total_cents, currency, created_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (user_id, idempotency_key) DO NOTHING`,
			o.id, o.caller.ID, o.caller.Email, o.key, o.fingerprint, o.status, o.totalCents, o.currency, o.createdAt.UnixMilli())
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errKeyTaken)
		}
		for _, item := range o.items {
			_, err := tx.ExecContext(ctx, `
				INSERT INTO order_items (order_id, product_id, name, quantity, price_cents) VALUES (?, ?, ?, ?, ?)`,
				o.id, item.ProductID, item.Name, item.Quantity, item.PriceCents)
			if err != nil {
				return err
			}
		}
		return publish(ctx, tx, contract.TopicOrderPlaced, o)
	})
}

func (s store) find(ctx context.Context, id string) (*order, error) {
	return one(s.query(ctx, `WHERE id = ?`, id))
}

func (s store) byKey(ctx context.Context, userID, key string) (*order, error) {
	return one(s.query(ctx, `WHERE user_id = ? AND idempotency_key = ?`, userID, key))
}

// ofUser gives a user's latest orders, newest first.
func (s store) ofUser(ctx context.Context, userID string) ([]*order, error) {
	return s.query(ctx, `WHERE user_id = ? ORDER BY created_at DESC, rowid DESC LIMIT 100`, userID)
}

func one(orders []*order, err error) (*order, error) {
	if err == nil && len(orders) == 0 {
		err = errNoOrder
	}
	if err != nil {
		return nil, err
	}
	return orders[0], nil
}

// query gives the orders that the rest of the statement selects.
func (s store) query(ctx context.Context, rest string, args ...any) (orders []*order, err error) {
	//nolint:gosec // the rests are those above; what comes from users is in args
	rows, err := s.db.QueryContext(ctx, `
		SELECT id, user_id, email, coalesce(idempotency_key, ''), fingerprint, status, coalesce(problem, 'null'), total_cents,
			currency, coalesce(shipment, 'null'), created_at,
			(SELECT json_group_array(json_object('product_id', product_id, 'name', name, 'quantity', quantity, 'price_cents', price_cents)
				ORDER BY item.rowid) FROM order_items AS item WHERE order_id = id)
		FROM orders `+rest, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		o, err := scan(rows)
		if err != nil {
			return nil, err
		}
		orders = append(orders, o)
	}
	return orders, rows.Err()
}

func scan(rows *sql.Rows) (*order, error) {
	var o order
	var problem, shipment, items string
	var createdAt int64
	err := rows.Scan(&o.id, &o.caller.ID, &o.caller.Email, &o.key, &o.fingerprint, &o.status, &problem, &o.totalCents,
		&o.currency, &shipment, &createdAt, &items)
	if err != nil {
		return nil, err
	}
	o.createdAt = time.UnixMilli(createdAt).UTC()
	return &o, errors.Join(
		json.Unmarshal([]byte(problem), &o.problem),
		json.Unmarshal([]byte(shipment), &o.shipment),
		json.Unmarshal([]byte(items), &o.items))
}
