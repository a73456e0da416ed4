package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"example.com/shop/contract"
)

// store keeps products.
type store struct{ db *sql.DB }

// save adds products, and changes those that are there already. Their order is that of listings.
func (s store) save(ctx context.Context, products []seedProduct) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	for position, p := range products {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO products (id, position, name, description, category, price_cents, picture) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET position = excluded.position, name = excluded.name, description = excluded.description,
				category = excluded.category, price_cents = excluded.price_cents, picture = excluded.picture`,
			p.ID, position, p.Name, p.Description, p.Category, p.PriceCents, p.Picture)
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// query says which products to list.
type query struct {
	after    int // a position
	limit    int
	category string   // any if empty
	words    []string // lower case; all must be in the name or the description
}

// list gives up to limit + 1 products, and the position of the one at limit.
func (s store) list(ctx context.Context, q query) (products []contract.Product, last int, err error) {
	words, err := json.Marshal(append([]string{}, q.words...)) // [], never null
	if err != nil {
		return nil, 0, err
	}
	rows, err := s.db.QueryContext(ctx, `
		SELECT id, name, description, category, price_cents, picture, low_stock, position FROM products
		WHERE position > ?1 AND (?2 = '' OR category = ?2 COLLATE NOCASE)
			AND NOT EXISTS (SELECT 1 FROM json_each(?3) WHERE instr(lower(name || ' ' || description), value) = 0)
		ORDER BY position LIMIT ?4`, q.after, q.category, string(words), q.limit+1)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var position int
		product, _, err := scan(rows, &position)
		if err != nil {
			return nil, 0, err
		}
		if len(products) < q.limit {
			last = position
		}
		products = append(products, product)
	}
	return products, last, rows.Err()
}

// find gives a product and the shape that stands for it in pictures. It fails with a problem if there is none.
func (s store) find(ctx context.Context, id string) (contract.Product, string, error) {
	product, shape, err := scan(s.db.QueryRowContext(ctx, `
		SELECT id, name, description, category, price_cents, picture, low_stock FROM products WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		err = contract.NotFound("product", id)
	}
	return product, shape, err
}

// scan reads a product, its shape, and whatever more the row has.
func scan(row interface{ Scan(...any) error }, more ...any) (p contract.Product, shape string, err error) {
	var low bool
	err = row.Scan(append([]any{&p.ID, &p.Name, &p.Description, &p.Category, &p.PriceCents, &shape, &low}, more...)...)
	p.Currency = currency
	p.Image = "/api/products/" + p.ID + "/image.svg"
	if low {
		p.Badge = contract.BadgeLowStock
	}
	return p, shape, err
}

// setLowStock keeps whether a product's stock is low. A product that is not on sale is passed over.
func (s store) setLowStock(ctx context.Context, id string, low bool) error {
	_, err := s.db.ExecContext(ctx, `UPDATE products SET low_stock = ? WHERE id = ?`, low, id)
	return err
}

func (s store) categories(ctx context.Context) (categories []contract.Category, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT category, count(*) FROM products GROUP BY category ORDER BY category`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var c contract.Category
		if err := rows.Scan(&c.Name, &c.Count); err != nil {
			return nil, err
		}
		categories = append(categories, c)
	}
	return categories, rows.Err()
}

// prices gives the prices of products, and names those that there are not.
func (s store) prices(ctx context.Context, ids []string) (prices []contract.Price, unknown []string, err error) {
	for _, id := range ids {
		product, _, err := s.find(ctx, id)
		if _, missing := errors.AsType[*contract.Problem](err); missing {
			unknown = append(unknown, id)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		prices = append(prices, contract.Price{
			ID: id, Name: product.Name, PriceCents: product.PriceCents, Currency: product.Currency,
		})
	}
	return prices, unknown, nil
}
