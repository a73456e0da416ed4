package main

import (
	"context"
	"database/sql"
	"errors"

	"example.com/shop/contract"
)

// reserve opens a reservation, unless there is one with this id, which is then given as it is. It fails with a *shortage.
func (s store) reserve(ctx context.Context, id string, items []contract.Item) (res contract.Reservation, created bool, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		res, err = find(ctx, tx, id)
		if !errors.Is(err, errNoReservation) {
			return err
		}
		created = true
		res = contract.Reservation{ID: id, State: contract.ReservationOpen, Items: items}
		if _, err := tx.ExecContext(ctx, `INSERT INTO reservations (id, state) VALUES (?, ?)`, id, res.State); err != nil {
			return err
		}
		for _, item := range items {
			if err := hold(ctx, tx, id, item); err != nil {
				return err
			}
		}
		return nil
	})
	return res, created, err
}

// hold takes one item for a reservation out of what is available.
func hold(ctx context.Context, tx *sql.Tx, id string, item contract.Item) error {
	result, err := tx.ExecContext(ctx, `
		UPDATE stock SET reserved = reserved + ?1 WHERE product_id = ?2 AND on_hand - reserved >= ?1`, item.Quantity, item.ProductID)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, shortageOf(ctx, tx, item.ProductID))
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO reservation_items (reservation_id, product_id, quantity) VALUES (?, ?, ?)`, id, item.ProductID, item.Quantity)
	return err
}

// shortageOf says how short a product is; of one that nobody has heard of there is nothing left.
func shortageOf(ctx context.Context, tx *sql.Tx, productID string) error {
	short := &shortage{productID: productID}
	err := tx.QueryRowContext(ctx, `SELECT on_hand - reserved FROM stock WHERE product_id = ?`, productID).Scan(&short.available)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return short
}

// commit lets the reserved stock leave, once, and gives the state that the reservation is then in.
func (s store) commit(ctx context.Context, id string) (state string, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		reservation, err := find(ctx, tx, id)
		state = reservation.State
		if err != nil || state != contract.ReservationOpen {
			return err
		}
		state = contract.ReservationCommitted
		return move(ctx, tx, id, state, `on_hand = on_hand - quantity, reserved = reserved - quantity`)
	})
	return state, err
}

// cancel brings the stock of a reservation back, even when it has left, or leaves a mark that stops one that is still to come.
func (s store) cancel(ctx context.Context, id string) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		reservation, err := find(ctx, tx, id)
		if errors.Is(err, errNoReservation) {
			_, err = tx.ExecContext(ctx, `INSERT INTO reservations (id, state) VALUES (?, ?)`, id, contract.ReservationCancelled)
			return err
		}
		switch reservation.State {
		case contract.ReservationOpen:
			return move(ctx, tx, id, contract.ReservationCancelled, `reserved = reserved - quantity`)
		case contract.ReservationCommitted:
			return move(ctx, tx, id, contract.ReservationCancelled, `on_hand = on_hand + quantity`)
		}
		return err
	})
}

// move puts a reservation into a state and its items' stock with it, by an assignment in terms of quantity.
func move(ctx context.Context, tx *sql.Tx, id, state, assignment string) error {
	if _, err := tx.ExecContext(ctx, `UPDATE reservations SET state = ? WHERE id = ?`, state, id); err != nil {
		return err
	}
	//nolint:gosec // the assignments are those above
	_, err := tx.ExecContext(ctx, `
		UPDATE stock SET `+assignment+` FROM reservation_items AS item
		WHERE item.reservation_id = ? AND item.product_id = stock.product_id`, id)
	return err
}

const reservationQuery = `
	SELECT id, state, product_id, quantity
	FROM reservations LEFT JOIN reservation_items ON reservation_id = id`

func find(ctx context.Context, tx *sql.Tx, id string) (contract.Reservation, error) {
	rows, err := tx.QueryContext(ctx, reservationQuery+` WHERE id = ? ORDER BY reservation_items.rowid`, id)
	if err != nil {
		return contract.Reservation{}, err
	}
	found, err := scan(rows)
	if err == nil && len(found) == 0 {
		err = errNoReservation
	}
	if err != nil {
		return contract.Reservation{}, err
	}
	return found[0], nil
}

// list gives all reservations, or the open ones.
func (s store) list(ctx context.Context, open bool) ([]contract.Reservation, error) {
	query := reservationQuery
	if open {
		query += ` WHERE state = 'open'`
	}
	rows, err := s.db.QueryContext(ctx, query+` ORDER BY reservations.rowid, reservation_items.rowid`)
	if err != nil {
		return nil, err
	}
	return scan(rows)
}

// scan gathers the rows of reservationQuery, one an item, into reservations.
func scan(rows *sql.Rows) (out []contract.Reservation, err error) {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, state string
		var product sql.NullString
		var quantity sql.NullInt64
		if err := rows.Scan(&id, &state, &product, &quantity); err != nil {
			return nil, err
		}
		if len(out) == 0 || out[len(out)-1].ID != id {
			out = append(out, contract.Reservation{ID: id, State: state, Items: []contract.Item{}})
		}
		if product.Valid {
			last := &out[len(out)-1]
			last.Items = append(last.Items, contract.Item{ProductID: product.String, Quantity: int(quantity.Int64)})
		}
	}
	return out, rows.Err()
}
