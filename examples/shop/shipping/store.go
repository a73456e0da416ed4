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

// add books a shipment, unless there is one with this id, which is then given as it is. A cancellation that overtook its shipment
// is such a one.
func (s store) add(ctx context.Context, id string, in contract.NewShipment) (shipment contract.Shipment, created bool, err error) {
	items, err := json.Marshal(in.Items)
	if err != nil {
		return shipment, false, err
	}
	result, err := s.db.ExecContext(ctx, `
		INSERT INTO shipments (id, order_id, user_id, items, tracking, state) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO NOTHING`, id, in.OrderID, in.UserID, string(items), newTracking(), contract.ShipmentPreparing)
	if err != nil {
		return shipment, false, err
	}
	added, err := result.RowsAffected()
	if err != nil {
		return shipment, false, err
	}
	row := s.db.QueryRowContext(ctx, `SELECT `+shipmentColumns+` FROM shipments WHERE id = ?`, id)
	err = row.Scan(&shipment.ID, &shipment.OrderID, &shipment.Tracking, &shipment.State)
	return shipment, added == 1, err
}

// newTracking makes a number such as a carrier would give.
func newTracking() string { return "BNY" + rand.Text()[:12] }

// cancel cancels a shipment, or leaves a mark that stops one that is still to come.
func (s store) cancel(ctx context.Context, id string) error {
	_, err := s.db.ExecContext(ctx, `
		INSERT INTO shipments (id, order_id, user_id, items, tracking, state) VALUES (?, '', '', '[]', '', 'cancelled')
		ON CONFLICT (id) DO UPDATE SET state = 'cancelled'`, id)
	return err
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
