package main

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"example.com/shop/contract"
)

// How long a price that was asked for counts: a burst of orders asks a few times, not once each. While it is being asked for
// anew, and when catalog does not answer, an older one does.
const (
	pricesLast  = 2 * time.Second
	pricesServe = time.Minute
)

// prices asks catalog what things cost. It changes nothing there.
type prices struct {
	catalog *contract.Client
	timeout time.Duration

	asking atomic.Bool

	mu    sync.Mutex
	known map[string]priced
}

type priced struct {
	contract.Price
	until time.Time
}

// apply puts names, prices and the total into an order.
func (p *prices) apply(ctx context.Context, o *order) error {
	now := time.Now()
	old := now.Add(pricesLast - pricesServe)
	if p.fill(o, now) {
		return nil
	}
	first := p.asking.CompareAndSwap(false, true)
	if !first && p.fill(o, old) {
		return nil
	}
	err := p.ask(ctx, o)
	if first {
		p.asking.Store(false)
	}
	switch {
	case p.fill(o, old): // also where catalog does not answer
		return nil
	case err != nil:
		return err
	default:
		return unavailable("catalog")
	}
}

// fill puts prices into an order that are known and count at a time, and tells whether all do.
func (p *prices) fill(o *order, at time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	o.totalCents = 0
	for i := range o.items {
		item := &o.items[i]
		price, ok := p.known[item.ProductID]
		if !ok || price.until.Before(at) {
			return false
		}
		item.Name, item.PriceCents, o.currency = price.Name, price.PriceCents, price.Currency
		o.totalCents += int64(item.Quantity) * price.PriceCents
	}
	return true
}

func (p *prices) ask(ctx context.Context, o *order) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	var query contract.PriceQuery
	for _, item := range o.items {
		query.ProductIDs = append(query.ProductIDs, item.ProductID)
	}
	var answer contract.List[contract.Price]
	err := p.catalog.Do(ctx, http.MethodPost, "/internal/prices", query, &answer)
	if problem, ok := errors.AsType[*contract.Problem](err); ok && problem.Code == "product-not-found" {
		unknown := contract.NewProblem(http.StatusUnprocessableEntity, "unknown-product", problem.Detail)
		unknown.Products = problem.Products
		return unknown
	}
	if err != nil {
		return unavailable("catalog")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, price := range answer.Items {
		p.known[price.ID] = priced{price, time.Now().Add(pricesLast)}
	}
	return nil
}

// unavailable is the problem of an order that another service could not help with.
func unavailable(service string) *contract.Problem {
	return contract.NewProblem(http.StatusServiceUnavailable, service+"-unavailable",
		"The order could not be placed because "+service+" does not answer as it should. You do not pay for it. Please try again.")
}
