package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"example.com/shop/contract"
)

// sagas starts sagas at the platform, which are declared in the app file.
type sagas struct {
	base string // BANYAN_URL
	http *http.Client
}

// checkout starts the saga of an order. Whoever starts it twice starts it once.
func (s sagas) checkout(ctx context.Context, orderID string) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	body, err := json.Marshal(map[string]string{"order": orderID})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/v1/sagas/checkout", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header = contract.Forwarded(ctx)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", orderID)
	response, err := s.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode/100 != 2 {
		said, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return fmt.Errorf("the saga of order %s: %s: %s", orderID, response.Status, said)
	}
	return nil
}

// startsMost is how many sagas are started at a time.
const startsMost = 32

// starter starts the saga of each order: soon, and what was missed because this service or the platform was away, later.
type starter struct {
	log   *slog.Logger
	store store
	sagas sagas
	every time.Duration // how often it looks for what was missed
	room  chan struct{}

	all  sync.WaitGroup
	open atomic.Int64
}

// soon has the saga of an order started, and does not wait for it.
func (s *starter) soon(ctx context.Context, id string) {
	s.open.Add(1)
	s.all.Go(func() {
		defer s.open.Add(-1)
		s.room <- struct{}{}
		defer func() { <-s.room }()
		s.start(ctx, id)
	})
}

// start tries it once.
func (s *starter) start(ctx context.Context, id string) {
	err := s.sagas.checkout(ctx, id)
	if err == nil {
		err = s.store.started(ctx, id)
	}
	if err != nil {
		s.log.WarnContext(ctx, "an order waits for its saga", "order", id, "error", err.Error())
	}
}

// run looks for what was missed until the context ends.
func (s *starter) run(ctx context.Context) {
	for ctx.Err() == nil {
		if s.open.Load() == 0 { // else some of it is about to be started
			s.round(ctx)
		}
		select {
		case <-ctx.Done():
		case <-time.After(s.every):
		}
	}
}

func (s *starter) round(ctx context.Context) {
	ids, err := s.store.unstarted(ctx, time.Now().Add(-s.every))
	if err != nil {
		s.log.ErrorContext(ctx, "orders without a saga", "error", err.Error())
	}
	for _, id := range ids {
		s.start(ctx, id)
	}
}
