package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"example.com/shop/contract"
)

var errNoReservation = errors.New("no such reservation")

// shortage says that there is not enough of a product.
type shortage struct {
	productID string
	available int
}

func (s *shortage) Error() string {
	if s.available == 0 {
		return fmt.Sprintf("%q is sold out.", s.productID)
	}
	return fmt.Sprintf("There are %d of %q left, which is not enough.", s.available, s.productID)
}

// store keeps stock and reservations.
type store struct{ db *sql.DB }

// lowBelow is the stock that counts as low when there is less available.
const lowBelow = 5

// inTx runs work, which may change stock, in a transaction. It is committed if work succeeds.
func (s store) inTx(ctx context.Context, work func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := work(tx); err != nil {
		return err
	}
	if err := announce(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// announce publishes stock.low for each product whose stock has become low, or is low no more.
func announce(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO outbox (topic, subject, data, attributes)
		SELECT ?1, product_id, json_object('product_id', product_id, 'available', on_hand - reserved,
			'low', json(iif(low, 'false', 'true'))), ?2
		FROM stock WHERE low <> (on_hand - reserved < ?3)`, contract.TopicStockLow, contract.EventAttributes(ctx), lowBelow)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE stock SET low = NOT low WHERE low <> (on_hand - reserved < ?)`, lowBelow)
	return err
}

func (s store) stockUp(ctx context.Context, stock map[string]int) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		for productID, quantity := range stock {
			_, err := tx.ExecContext(ctx, `
				INSERT INTO stock (product_id, on_hand) VALUES (?, ?) ON CONFLICT DO NOTHING`, productID, quantity)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// available tells how much of each known product can be reserved, in the order of the products given.
func (s store) available(ctx context.Context, products []string) (stock []contract.Stock, err error) {
	wanted, err := json.Marshal(products)
	if err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, `
		SELECT product_id, on_hand - reserved FROM stock JOIN json_each(?) ON product_id = value ORDER BY key`, string(wanted))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var line contract.Stock
		if err := rows.Scan(&line.ProductID, &line.Available); err != nil {
			return nil, err
		}
		stock = append(stock, line)
	}
	return stock, rows.Err()
}
