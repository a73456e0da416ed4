// Command inventory is the shop's service for stock: it knows how much there is of each product and holds it back for orders. A
// reservation is open until it is committed, when the stock really leaves, or cancelled, when it comes back.
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
	db, err := openDatabase(ctx, cmp.Or(os.Getenv("DATABASE_PATH"), "inventory.db"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	service, err := newService(ctx, store{db})
	if err != nil {
		return err
	}
	return contract.Serve(ctx, log, service.routes())
}
