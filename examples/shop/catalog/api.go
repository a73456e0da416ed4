package main

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"example.com/shop/contract"
)

const (
	currency     = "EUR"
	defaultLimit = 20
	maxLimit     = 100
)

// service answers the HTTP interface of what is on sale.
type service struct{ store store }

// newService brings the store up to the seed.
func newService(ctx context.Context, store store) (*service, error) {
	return &service{store}, seed(ctx, store)
}

func (s *service) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /api/products", contract.Handler(s.products))
	mux.Handle("GET /api/products/{id}", contract.Handler(s.product))
	mux.Handle("GET /api/products/{id}/image.svg", contract.Handler(s.image))
	mux.Handle("GET /api/categories", contract.Handler(s.categories))
	mux.Handle("POST /internal/prices", contract.Handler(s.prices))
	mux.Handle("POST /events/stock-low", contract.Handler(s.stockLow))
	return mux
}

func (s *service) products(w http.ResponseWriter, r *http.Request) error {
	query, err := queryOf(r)
	if err != nil {
		return err
	}
	products, last, err := s.store.list(r.Context(), query)
	if err != nil {
		return err
	}
	page := contract.ListOf(products)
	if len(products) > query.limit { // one more was asked for, to know whether there is one
		page.Items = products[:query.limit]
		page.Next = cursorAt(last)
	}
	return contract.WriteJSON(w, http.StatusOK, page)
}

func queryOf(r *http.Request) (query query, err error) {
	values := r.URL.Query()
	query.category = values.Get("category")
	query.words = strings.Fields(strings.ToLower(values.Get("q")))
	query.limit = defaultLimit
	if limit := values.Get("limit"); limit != "" {
		query.limit, err = strconv.Atoi(limit)
		if err != nil || query.limit < 1 || query.limit > maxLimit {
			return query, contract.Invalid("limit must be a number from 1 to 100.")
		}
	}
	query.after, err = positionOf(values.Get("after"))
	return query, err
}

func (s *service) product(w http.ResponseWriter, r *http.Request) error {
	product, _, err := s.store.find(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return contract.WriteJSON(w, http.StatusOK, product)
}

func (s *service) categories(w http.ResponseWriter, r *http.Request) error {
	categories, err := s.store.categories(r.Context())
	if err != nil {
		return err
	}
	return contract.WriteJSON(w, http.StatusOK, contract.ListOf(categories))
}

// prices answers for all the products that it is asked for, or for none.
func (s *service) prices(w http.ResponseWriter, r *http.Request) error {
	var in contract.PriceQuery
	if err := contract.ReadJSON(w, r, &in); err != nil {
		return err
	}
	if len(in.ProductIDs) == 0 || len(in.ProductIDs) > maxLimit {
		return contract.Invalid("product_ids must have from 1 to 100 products.")
	}
	prices, unknown, err := s.store.prices(r.Context(), in.ProductIDs)
	if err != nil {
		return err
	}
	if len(unknown) > 0 {
		problem := contract.NotFound("product", strings.Join(unknown, ", "))
		problem.Products = unknown
		return problem
	}
	return contract.WriteJSON(w, http.StatusOK, contract.ListOf(prices))
}

// stockLow takes the event by which inventory tells that a product's stock is low, or is not any more. It sets what is so, and
// events about one product come in order: one that comes twice does no harm, and there is no inbox.
func (s *service) stockLow(w http.ResponseWriter, r *http.Request) error {
	var event contract.StockLow
	if err := contract.ReadJSON(w, r, &event); err != nil {
		return err
	}
	if event.ProductID == "" {
		return contract.Invalid("product_id is missing.")
	}
	if err := s.store.setLowStock(r.Context(), event.ProductID, event.Low); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
