// Command catalog is the shop's service for what is on sale: names, prices, search, and the pictures, which it draws.
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
	db, err := openDatabase(ctx, cmp.Or(os.Getenv("DATABASE_PATH"), "catalog.db"))
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
