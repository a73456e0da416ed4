package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"

	"example.com/shop/contract"
)

// store keeps shipments.
type store struct{ db *sql.DB }

const shipmentColumns = `id, order_id, tracking, state`

// add books a shipment and tells of it, unless there is one with this id, which is then given as it is. A cancellation that overtook its shipment
// is such a one.
func (s store) add(ctx context.Context, id string, in contract.NewShipment) (shipment contract.Shipment, created bool, err error) {
	items, err := json.Marshal(in.Items)
	if err != nil {
		return shipment, false, err
	}
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `
			INSERT INTO shipments (id, order_id, user_id, items, tracking, state) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO NOTHING`, id, in.OrderID, in.UserID, string(items), newTracking(), contract.ShipmentPreparing)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if created = n > 0; err != nil || !created {
			return err
		}
		return publish(ctx, tx, contract.TopicShipmentBooked, id)
	})
	if err != nil {
		return shipment, false, err
	}
	row := s.db.QueryRowContext(ctx, `SELECT `+shipmentColumns+` FROM shipments WHERE id = ?`, id)
	err = row.Scan(&shipment.ID, &shipment.OrderID, &shipment.Tracking, &shipment.State)
	return shipment, created, err
}

// newTracking makes a number such as a carrier would give.
func newTracking() string { return "BNY" + rand.Text()[:12] }

// cancel cancels a shipment and tells of it, or leaves a mark that stops one that is still to come.
func (s store) cancel(ctx context.Context, id string) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE shipments SET state = 'cancelled' WHERE id = ? AND state = 'preparing'`, id)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil {
			return err
		} else if n > 0 {
			return publish(ctx, tx, contract.TopicShipmentCancelled, id)
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO shipments (id, order_id, user_id, items, tracking, state) VALUES (?, '', '', '[]', '', 'cancelled')
			ON CONFLICT (id) DO NOTHING`, id)
		return err
	})
}

// publish tells of a shipment if, and only if, the transaction that changes it is committed.
func publish(ctx context.Context, tx *sql.Tx, topic, id string) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO outbox (topic, subject, data, attributes)
		SELECT ?1, order_id, json_object('id', id, 'order_id', order_id, 'user_id', user_id, 'tracking', tracking), ?3
		FROM shipments WHERE id = ?2`, topic, id, contract.EventAttributes(ctx))
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

// list gives all shipments, or those of one order.
func (s store) list(ctx context.Context, orderID string) (shipments []contract.Shipment, err error) {
	rows, err := s.db.QueryContext(ctx, `
		SELECT `+shipmentColumns+` FROM shipments WHERE ?1 IN ('', order_id) ORDER BY rowid`, orderID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var one contract.Shipment
		if err := rows.Scan(&one.ID, &one.OrderID, &one.Tracking, &one.State); err != nil {
			return nil, err
		}
		shipments = append(shipments, one)
	}
	return shipments, rows.Err()
}
