package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed stock.json
var stockFile []byte

// seed gives every product of stock.json that the database does not know yet its first stock.
func seed(ctx context.Context, store store) error {
	var stock map[string]int
	if err := json.Unmarshal(stockFile, &stock); err != nil {
		return fmt.Errorf("stock.json: %w", err)
	}
	return store.stockUp(ctx, stock)
}
