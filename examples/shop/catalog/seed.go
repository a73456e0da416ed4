package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed products.json
var productsFile []byte

// seedProduct is a product as products.json has it, in the order of listings.
type seedProduct struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Category    string `json:"category"`
	PriceCents  int64  `json:"price_cents"`
	Picture     string `json:"picture"`
}

func readSeed() (products []seedProduct, err error) {
	if err := json.Unmarshal(productsFile, &products); err != nil {
		return nil, fmt.Errorf("products.json: %w", err)
	}
	return products, nil
}

// seed brings the database's products up to those of products.json.
func seed(ctx context.Context, store store) error {
	products, err := readSeed()
	if err != nil {
		return err
	}
	return store.save(ctx, products)
}
