package main

import (
	"context"
	"database/sql"
	"encoding/json"

	"example.com/shop/contract"
)

// publish tells of an order if, and only if, the transaction that changes it is committed.
func publish(ctx context.Context, tx *sql.Tx, topic string, o *order) error {
	data, err := json.Marshal(contract.OrderEvent{Order: o.view(), UserID: o.caller.ID, Email: o.caller.Email})
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO outbox (topic, subject, data, attributes) VALUES (?, ?, ?, ?)`,
		topic, o.id, string(data), contract.EventAttributes(ctx))
	return err
}
