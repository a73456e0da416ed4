// Command order is the shop's service for checkout. An order reserves stock, charges the customer, books a shipment and commits the
// stock, each in another service; when one of these fails, those that were or may have been done are undone.
//
// It keeps a journal of what it asks the others to do. An order that is killed at any point is finished, or undone, when the
// service starts again: see checkout.go and settler.go.
//
// Whoever wants to know of orders learns it from events, which go into the outbox in the transactions that change the orders.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"example.com/shop/contract"
)

func main() { contract.Main(run) }

func run(ctx context.Context, log *slog.Logger) error {
	others, err := dependenciesFrom(os.Getenv)
	if err != nil {
		return err
	}
	db, err := openDatabase(ctx, cmp.Or(os.Getenv("DATABASE_PATH"), "order.db"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	service := newService(log, store{db}, others)

	var background sync.WaitGroup
	ctx, stop := context.WithCancel(ctx)
	background.Go(func() { service.settler.run(ctx) })
	err = contract.Serve(ctx, log, service.routes())
	stop()
	background.Wait()
	return err
}

// dependencies are the services that a checkout calls.
type dependencies struct {
	catalog, inventory, payment, shipping *contract.Client
}

func dependenciesFrom(getenv func(string) string) (d dependencies, err error) {
	client := func(variable string) *contract.Client {
		base := getenv(variable)
		if base == "" {
			err = errors.Join(err, fmt.Errorf("%s is not set", variable))
		}
		return contract.NewClient(base)
	}
	return dependencies{
		catalog:   client("CATALOG_URL"),
		inventory: client("INVENTORY_URL"),
		payment:   client("PAYMENT_URL"),
		shipping:  client("SHIPPING_URL"),
	}, err
}
