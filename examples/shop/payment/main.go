// Command payment is the shop's service for money: it charges orders through a bank, and refunds them. The bank is a simulation
// with a switch (GET and PUT /bank), so that you can see what the shop does when the real one declines, dawdles or fails.
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
	db, err := openDatabase(ctx, cmp.Or(os.Getenv("DATABASE_PATH"), "payment.db"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return contract.Serve(ctx, log, (&service{store{db}}).routes())
}
