package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/saga/coordinator"
	"github.com/banyanrun/banyan/internal/saga/definition"
	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/saga/store"
)

const saga = `{"steps": [
	{"name": "reserve", "call": {"service": "inventory", "path": "/reservations", "body": "{'items': input.items}"}, "undo": {"path": "/reservations/{saga.id}/release"}},
	{"name": "charge", "call": {"service": "payment", "path": "/charges", "body": "{'amount': input.amount, 'reservation': reserve.id}"}, "undo": {"path": "/charges/{saga.id}/refund"}},
	{"name": "ship", "call": {"service": "shipping", "path": "/shipments", "body": "{'order': input.order, 'charge': charge.id}"}, "undo": {"path": "/shipments/{saga.id}/stop"}}
]}`

var input = json.RawMessage(`{"order":"o-4711","amount":1999,"items":[{"sku":"tea","count":2},{"sku":"cup","count":1}]}`)

func define() (*definition.Definition, error) {
	app := &appfile.App{Sagas: map[string]*appfile.Saga{"checkout": {}}}
	if err := json.Unmarshal([]byte(saga), app.Sagas["checkout"]); err != nil {
		return nil, err
	}
	app.ApplyDefaults("")
	def, problems := definition.Compile(definition.Source{Name: "checkout", Saga: app.Sagas["checkout"]})
	if def == nil {
		return nil, fmt.Errorf("the saga: %v", problems)
	}
	return def, nil
}

// watched is a store that tells who waits for a saga when its end is durable.
type watched struct {
	store.Store
	mu      sync.Mutex
	waiting map[string]chan struct{}
	early   map[string]bool // ended before anybody waited
	writes  chan struct{}   // capacity 1: there was an update
}

func (w *watched) Update(ctx context.Context, c store.Change) error {
	err := w.Store.Update(ctx, c)
	if err != nil {
		return err
	}
	select {
	case w.writes <- struct{}{}:
	default:
	}
	if !machine.Status(c.Saga.Status).Ended() {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if done := w.waiting[c.Saga.ID]; done != nil {
		delete(w.waiting, c.Saga.ID)
		close(done)
	} else if w.early != nil {
		w.early[c.Saga.ID] = true
	}
	return nil
}

// wait returns when a saga has ended.
func (w *watched) wait(ctx context.Context, id string) error {
	w.mu.Lock()
	if w.early[id] {
		delete(w.early, id)
		w.mu.Unlock()
		return nil
	}
	done := make(chan struct{})
	w.waiting[id] = done
	w.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// room is a coordinator that runs on a store of its own.
type room struct {
	*coordinator.Coordinator
	store *watched
	stop  func() error
}

func open(ctx context.Context, path string, s *services) (*room, error) {
	def, err := define()
	if err != nil {
		return nil, err
	}
	kept, err := store.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	caller := s.caller()
	w := &watched{Store: kept, waiting: map[string]chan struct{}{}, early: map[string]bool{}, writes: make(chan struct{}, 1)}
	r := &room{Coordinator: coordinator.New(coordinator.Options{Store: w, Caller: caller}), store: w}
	if err := r.Apply(ctx, map[string]*definition.Definition{"checkout": def}); err != nil {
		return nil, errors.Join(err, kept.Close())
	}
	running, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- r.Run(running) }()
	r.stop = func() error {
		cancel()
		err := <-ended
		caller.Close()
		if errors.Is(err, context.Canceled) {
			err = nil
		}
		return errors.Join(err, kept.Close())
	}
	return r, nil
}

// one runs one saga from its start to its end.
func (r *room) one(ctx context.Context, key string) error {
	for {
		started, err := r.Start(ctx, "shop", "checkout", key, "", input)
		if errors.Is(err, coordinator.ErrBusy) { // it is about to begin
			time.Sleep(time.Millisecond)
			continue
		}
		if err != nil {
			return err
		}
		return r.store.wait(ctx, started.ID)
	}
}
