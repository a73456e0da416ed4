package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"example.com/shop/contract"
)

// service answers the HTTP interface of checkout.
type service struct {
	store   store
	prices  *prices
	starter *starter
	waiters *waiters
}

func newService(log *slog.Logger, store store, others dependencies) *service {
	return &service{
		store:   store,
		prices:  &prices{catalog: others.catalog, timeout: 2 * time.Second, known: map[string]priced{}},
		starter: &starter{log: log, store: store, sagas: others.sagas, every: 2 * time.Second, room: make(chan struct{}, startsMost)},
		waiters: &waiters{most: 12 * time.Second, poll: time.Second, of: map[string][]chan struct{}{}},
	}
}

func (s *service) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("POST /api/orders", contract.Handler(s.place))
	mux.Handle("GET /api/orders", contract.Handler(s.orders))
	mux.Handle("GET /api/orders/{id}", contract.Handler(s.order))
	mux.Handle("GET /internal/orders/{id}", contract.Handler(s.begin))
	mux.Handle("POST /internal/orders/{id}/confirm", contract.Handler(s.confirm))
	mux.Handle("POST /internal/orders/{id}/fail", contract.Handler(s.fail))
	return mux
}

// place stores an order and starts its saga. It answers how that ended, if it has soon: 201 if the order is confirmed, else the
// problem that stopped it. Otherwise, and when very many order at once, the answer is 202, and the order pending.
func (s *service) place(w http.ResponseWriter, r *http.Request) error {
	o, err := newOrder(w, r)
	if err != nil {
		return err
	}
	if done, err := s.replay(w, r, o); done || err != nil {
		return err
	}
	if err := s.prices.apply(r.Context(), o); err != nil {
		return err
	}
	told := s.waiters.add(o.id)
	defer s.waiters.remove(o.id, told)
	// From here on the order has a life of its own: it goes on if the customer hangs up.
	ctx := context.WithoutCancel(r.Context())
	err = s.store.create(ctx, o)
	if errors.Is(err, errKeyTaken) { // by the same request, sent twice at once
		_, err = s.replay(w, r, o)
		return err
	}
	if err != nil {
		return err
	}
	s.starter.soon(ctx, o.id)
	if o, err = s.wait(r.Context(), o, told); err != nil {
		return err
	}
	return answer(w, o)
}

// newOrder reads what a request asks for.
func newOrder(w http.ResponseWriter, r *http.Request) (*order, error) {
	caller, err := contract.CallerOf(r)
	if err != nil {
		return nil, err
	}
	key := r.Header.Get("Idempotency-Key")
	if key == "" || len(key) > 255 {
		return nil, contract.NewProblem(http.StatusBadRequest, "idempotency-key-missing",
			"Send an Idempotency-Key header of up to 255 characters, another for each order.")
	}
	var in contract.NewOrder
	if err := contract.ReadJSON(w, r, &in); err != nil {
		return nil, err
	}
	items, err := normalise(in.Items)
	if err != nil {
		return nil, err
	}
	o := &order{
		id: newOrderID(), caller: caller, key: key, fingerprint: fingerprint(items),
		status: contract.OrderPending, createdAt: time.Now().UTC().Truncate(time.Millisecond),
	}
	for _, item := range items {
		o.items = append(o.items, contract.OrderItem{ProductID: item.ProductID, Quantity: item.Quantity})
	}
	return o, nil
}

// answer tells the customer how the order stands.
func answer(w http.ResponseWriter, o *order) error {
	w.Header().Set("Location", "/api/orders/"+o.id)
	if !o.settled() {
		w.Header().Set("Retry-After", "1")
		return contract.WriteJSON(w, http.StatusAccepted, o.view())
	}
	if o.problem == nil {
		return contract.WriteJSON(w, http.StatusCreated, o.view())
	}
	if o.problem.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	problem := *o.problem
	problem.Instance = "/api/orders/" + o.id
	return &problem
}

func (s *service) orders(w http.ResponseWriter, r *http.Request) error {
	caller, err := contract.CallerOf(r)
	if err != nil {
		return err
	}
	orders, err := s.store.ofUser(r.Context(), caller.ID)
	if err != nil {
		return err
	}
	views := make([]contract.Order, len(orders))
	for i, o := range orders {
		views[i] = o.view()
	}
	return contract.WriteJSON(w, http.StatusOK, contract.ListOf(views))
}

// order answers for the caller's own orders; somebody else's are not there.
func (s *service) order(w http.ResponseWriter, r *http.Request) error {
	caller, err := contract.CallerOf(r)
	if err != nil {
		return err
	}
	o, err := s.store.find(r.Context(), r.PathValue("id"))
	if errors.Is(err, errNoOrder) || err == nil && o.caller.ID != caller.ID {
		return contract.NotFound("order", r.PathValue("id"))
	}
	if err != nil {
		return err
	}
	return contract.WriteJSON(w, http.StatusOK, o.view())
}
