package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"example.com/shop/contract"
)

// herald tells others about confirmed orders. It does its best: one short try, and an order never depends on it.
type herald struct {
	log                          *slog.Logger
	recommendation, notification *contract.Client
	timeout                      time.Duration
}

func newHerald(log *slog.Logger, others dependencies) herald {
	return herald{log: log, recommendation: others.recommendation, notification: others.notification, timeout: 500 * time.Millisecond}
}

func (h herald) tell(ctx context.Context, o *order) {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	var both sync.WaitGroup
	both.Go(func() { h.send(ctx, o, h.recommendation, "/purchases", purchaseOf(o)) })
	both.Go(func() { h.send(ctx, o, h.notification, "/notifications", notificationOf(o)) })
	both.Wait()
}

func (h herald) send(ctx context.Context, o *order, to *contract.Client, path string, message any) {
	if to == nil {
		return // this shop runs without it
	}
	if err := to.Do(ctx, http.MethodPost, path, message, nil); err != nil {
		h.log.WarnContext(ctx, "not told", "order", o.id, "path", path, "error", err.Error())
	}
}

func purchaseOf(o *order) contract.Purchase {
	purchase := contract.Purchase{OrderID: o.id}
	for _, item := range o.items {
		purchase.ProductIDs = append(purchase.ProductIDs, item.ProductID)
	}
	return purchase
}

func notificationOf(o *order) contract.Notification {
	return contract.Notification{
		Kind: "order-confirmed", UserID: o.caller.ID, Email: o.caller.Email, OrderID: o.id,
		Text: fmt.Sprintf("Thank you! Your order %s over %d.%02d %s is confirmed. Your parcel has the number %s.",
			o.id, o.totalCents/100, o.totalCents%100, o.currency, o.shipment.Tracking),
	}
}
