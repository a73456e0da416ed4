package coordinator

import (
	"context"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/saga/machine"
)

// steer has a saga deal with what a person or service wants, and returns when that is durable.
func (c *Coordinator) steer(ctx context.Context, by, id string, e machine.Event) (Saga, error) {
	t, err := c.term()
	if err != nil {
		return Saga{}, err
	}
	if _, err := c.row(ctx, by, id); err != nil {
		return Saga{}, err
	}
	return t.ask(ctx, id, e)
}

func (c *Coordinator) answer(ctx context.Context, by, id, step string, op machine.Op, outcome machine.Outcome) (Saga, error) {
	t, err := c.term()
	if err != nil {
		return Saga{}, err
	}
	row, err := c.row(ctx, "", id)
	if err != nil {
		return Saga{}, err
	}
	if row.Damage != nil {
		return Saga{}, row.Damage
	}
	def, err := c.definitions.get(ctx, row.Digest)
	if err != nil {
		return Saga{}, err
	}
	if by != "" && by != def.callees[stepOp{step, machine.Do}] && by != def.callees[stepOp{step, machine.Undo}] {
		return Saga{}, fault.New(fault.Denied, "the step %s is not done by %s: %w", step, by, ErrRefused)
	}
	if machine.Status(row.Status).Ended() {
		c.log.Warn("an outcome came after the saga had ended", "saga", id, "step", step, "outcome", string(outcome.Kind))
		return Saga{}, fault.New(fault.Conflict, "the outcome comes too late: %w", ErrEnded)
	}
	return t.ask(ctx, id, machine.Callback{Step: step, Op: op, Outcome: outcome})
}

// ask posts an event and waits until it is dealt with.
func (t *term) ask(ctx context.Context, id string, e machine.Event) (Saga, error) {
	done := make(chan error, 1)
	t.post(id, letter{event: e, done: func(_ *saga, err error) { done <- err }})
	select {
	case err := <-done:
		if err != nil {
			return Saga{}, err
		}
	case <-ctx.Done():
		return Saga{}, ctx.Err()
	}
	return t.get(ctx, "", id)
}
