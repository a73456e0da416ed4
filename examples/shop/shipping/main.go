// Command shipping is the shop's service for parcels: it books a shipment for an order, and cancels it.
package main

import (
	"cmp"
	"context"
	"log/slog"
	"os"

	"example.com/shop/contract"
)

func main() { contract.Main(run) }

func run(ctx context.Context, log *slog.Logger) error {
	db, err := openDatabase(ctx, cmp.Or(os.Getenv("DATABASE_PATH"), "shipping.db"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return contract.Serve(ctx, log, (&service{store{db}}).routes())
}
