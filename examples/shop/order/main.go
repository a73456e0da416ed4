// Command order is the shop's service for checkout. An order reserves stock, charges the customer, books a shipment and commits the
// stock, each in another service; when one of these fails, those that were or may have been done are undone.
//
// The steps are not done here: they are a saga, which the app file declares and the platform runs (sagas.checkout). This service
// stores the order, starts its saga, and is the saga's first and last step: see start.go and steps.go.
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
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriting()
	writer, err := newWriter(writing, db)
	if err != nil {
		return err
	}
	service := newService(log, store{db, writer}, others)

	var background sync.WaitGroup
	ctx, stop := context.WithCancel(ctx)
	background.Go(func() { service.starter.run(ctx) })
	err = contract.Serve(ctx, log, service.routes())
	stop()
	background.Wait()
	return err
}

// dependencies are whom this service calls.
type dependencies struct {
	catalog *contract.Client
	sagas   sagas
}

func dependenciesFrom(getenv func(string) string) (d dependencies, err error) {
	for _, variable := range []string{"CATALOG_URL", "BANYAN_URL"} {
		if getenv(variable) == "" {
			err = errors.Join(err, fmt.Errorf("%s is not set", variable))
		}
	}
	return dependencies{
		catalog: contract.NewClient(getenv("CATALOG_URL")),
		sagas:   sagas{getenv("BANYAN_URL"), contract.NewHTTP()},
	}, err
}
