package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"example.com/shop/contract"
)

// prices asks catalog what things cost. It changes nothing there, so it needs no journal.
type prices struct {
	catalog *contract.Client
	timeout time.Duration
}

// apply puts names, prices and the total into an order.
func (p *prices) apply(ctx context.Context, o *order) error {
	byID, err := p.ask(ctx, o)
	if err != nil {
		return err
	}
	for i := range o.items {
		item := &o.items[i]
		price, found := byID[item.ProductID]
		if !found {
			return unavailable("catalog")
		}
		item.Name, item.PriceCents = price.Name, price.PriceCents
		o.totalCents += int64(item.Quantity) * price.PriceCents
		o.currency = price.Currency
	}
	return nil
}

func (p *prices) ask(ctx context.Context, o *order) (map[string]contract.Price, error) {
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
		return nil, unknown
	}
	if err != nil {
		return nil, unavailable("catalog")
	}
	byID := map[string]contract.Price{}
	for _, price := range answer.Items {
		byID[price.ID] = price
	}
	return byID, nil
}

// unavailable is the problem of an order that another service could not help with.
func unavailable(service string) *contract.Problem {
	return contract.NewProblem(http.StatusServiceUnavailable, service+"-unavailable",
		"The order could not be placed because "+service+" does not answer as it should. You do not pay for it. Please try again.")
}
