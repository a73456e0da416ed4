package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"example.com/shop/contract"
)

// finishWithin is how old a pending order may be to be finished. An older one, found after a long outage, is undone: nobody expects
// to be charged for it any more.
const finishWithin = 5 * time.Minute

// checkout takes orders through their steps, forwards or back. What it does to an order it writes to the store first, so that it
// can be stopped at any point and run again.
type checkout struct {
	log   *slog.Logger
	store store
	steps []step
}

func newCheckout(log *slog.Logger, store store, others dependencies) *checkout {
	return &checkout{log: log, store: store, steps: steps(others)}
}

// run takes an order as far as it goes: to confirmed, or by way of undoing to rejected or failed. An order that is still undoing
// afterwards needs another run, later. An error is the store's own, or the context's; the order is then as the store has it.
func (c *checkout) run(ctx context.Context, o *order) error {
	if o.status == contract.OrderPending {
		if err := c.forward(ctx, o); err != nil {
			return err
		}
	}
	if o.status == undoing {
		return c.back(ctx, o)
	}
	return nil
}

// forward does all steps. An order that was stopped does them again: those that it had done answer as they did then.
func (c *checkout) forward(ctx context.Context, o *order) error {
	if time.Since(o.createdAt) > finishWithin {
		stale := contract.NewProblem(http.StatusServiceUnavailable, "interrupted", "The order was interrupted for too long and is undone.")
		return c.store.fail(ctx, o, stale, "")
	}
	for _, step := range c.steps {
		if err := c.store.begin(ctx, o, step.name); err != nil {
			return err
		}
		problem, refused, cause := step.try(ctx, o)
		if ctx.Err() != nil {
			return ctx.Err() // it is this service that stops; the step goes on when it is back
		}
		if problem != nil {
			c.log.WarnContext(ctx, "checkout failed", "order", o.id, "step", step.name, "error", cause.Error())
			refusedStep := ""
			if refused {
				refusedStep = step.name
			}
			return c.store.fail(ctx, o, problem, refusedStep)
		}
	}
	return c.store.confirm(ctx, o)
}

// back undoes, last first, all steps that may have been done. One that cannot be undone now does not hold up the others.
func (c *checkout) back(ctx context.Context, o *order) error {
	begun, err := c.store.begun(ctx, o)
	if err != nil {
		return err
	}
	left := 0
	for _, step := range slices.Backward(c.steps) {
		if !slices.Contains(begun, step.name) {
			continue
		}
		if err := step.revert(ctx, o); err != nil {
			c.log.WarnContext(ctx, "undo failed, to be tried again", "order", o.id, "step", step.name, "error", err.Error())
			left++
			continue
		}
		if err := c.store.undone(ctx, o, step.name); err != nil {
			return fmt.Errorf("step %s of order %s: %w", step.name, o.id, err)
		}
	}
	if left > 0 {
		return nil
	}
	return c.store.settle(ctx, o, outcome(o.problem))
}
