package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/saga/coordinator"
	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/saga/store"
	"github.com/banyanrun/banyan/internal/serviceapi"
)

// sagaService is the coordinator as services reach it.
type sagaService struct{ daemon *daemon }

var _ serviceapi.Sagas = sagaService{}

// A start waits for a coordinator that is only just being run, as after a restart.
const (
	startWait  = 3 * time.Second
	startAgain = 50 * time.Millisecond
)

// Start implements serviceapi.Sagas.
func (s sagaService) Start(ctx context.Context, service, name, key, trace string, input json.RawMessage) (serviceapi.Started, error) {
	c, err := s.runner()
	if err != nil {
		return serviceapi.Started{}, err
	}
	started, err := c.Start(ctx, service, name, key, trace, input)
	for deadline := time.Now().Add(startWait); errors.Is(err, coordinator.ErrBusy) && time.Now().Before(deadline); {
		select {
		case <-time.After(startAgain):
		case <-ctx.Done():
			return serviceapi.Started{}, ctx.Err()
		}
		started, err = c.Start(ctx, service, name, key, trace, input)
	}
	return serviceapi.Started{ID: started.ID, State: string(started.Status), Known: !started.New}, sagaRefusal(noSuchSaga(name, s.daemon.sagaNames(), err))
}

// Get implements serviceapi.Sagas.
func (s sagaService) Get(ctx context.Context, service, id string) (serviceapi.Saga, error) {
	c, err := s.runner()
	if err != nil {
		return serviceapi.Saga{}, err
	}
	one, err := c.Get(ctx, service, id)
	return shownSaga(&one), sagaRefusal(noSaga(id, err))
}

// List implements serviceapi.Sagas.
func (s sagaService) List(ctx context.Context, service string, f serviceapi.SagaFilter) ([]serviceapi.Saga, string, error) {
	c, err := s.runner()
	if err != nil {
		return nil, "", err
	}
	filter := coordinator.Filter{By: service, Name: f.Name, Most: f.Limit}
	if filter.Before, err = placeOf(f.Cursor); err != nil {
		return nil, "", sagaRefusal(err)
	}
	if f.State != "" {
		if sagaStates[machine.Status(f.State)] == 0 {
			return nil, "", &serviceapi.Problem{
				Code:   serviceapi.SagaInvalid,
				Detail: fmt.Sprintf("state is %.40q; it is running, compensating, needs_attention, succeeded or compensated", f.State),
			}
		}
		filter.Statuses = []machine.Status{machine.Status(f.State)}
	}
	found, err := c.List(ctx, filter)
	if err != nil {
		return nil, "", sagaRefusal(err)
	}
	list := make([]serviceapi.Saga, len(found))
	for i := range found {
		list[i] = shownSaga(&found[i])
	}
	return list, nextPlace(found, f.Limit), nil
}

// errSeen ends a watch whose client has left.
var errSeen = errors.New("nobody looks any more")

// Watch implements serviceapi.Sagas.
func (s sagaService) Watch(ctx context.Context, service, id string) iter.Seq2[serviceapi.Saga, error] {
	return func(yield func(serviceapi.Saga, error) bool) {
		c, err := s.runner()
		if err != nil {
			yield(serviceapi.Saga{}, err)
			return
		}
		err = c.Watch(ctx, service, id, 0, func(one coordinator.Saga, _ []coordinator.Entry) error {
			if !yield(shownSaga(&one), nil) {
				return errSeen
			}
			return nil
		})
		if err != nil && !errors.Is(err, errSeen) {
			yield(serviceapi.Saga{}, sagaRefusal(noSaga(id, err)))
		}
	}
}

// Steer implements serviceapi.Sagas.
func (s sagaService) Steer(ctx context.Context, service, id string, st serviceapi.Steering) (serviceapi.Saga, error) {
	c, err := s.runner()
	if err != nil {
		return serviceapi.Saga{}, err
	}
	reason := st.Reason
	if reason == "" {
		reason = "asked for by service " + service
	}
	var one coordinator.Saga
	switch st.Action {
	case serviceapi.Cancel:
		one, err = c.Cancel(ctx, service, id, reason)
	case serviceapi.Retry:
		one, err = c.Retry(ctx, service, id, st.Step)
	case serviceapi.Skip:
		one, err = c.Skip(ctx, service, id, st.Step)
	case serviceapi.Compensate:
		one, err = c.Compensate(ctx, service, id, reason)
	}
	return shownSaga(&one), sagaRefusal(notNow(ctx, c, service, id, err))
}

// Answer implements serviceapi.Sagas.
func (s sagaService) Answer(ctx context.Context, service, id string, a serviceapi.Answer) error {
	c, err := s.runner()
	if err != nil {
		return err
	}
	op, kind := machine.Do, machine.OutcomeDone
	if a.Undo {
		op = machine.Undo
	}
	if a.Aborted {
		kind = machine.OutcomeAborted
	}
	_, err = c.Answer(ctx, service, id, a.Step, op, machine.Outcome{Kind: kind, Body: a.Body})
	return sagaRefusal(noSaga(id, err))
}

// runner returns the coordinator, or the refusal that services get without one.
func (s sagaService) runner() (*coordinator.Coordinator, error) {
	c, err := s.daemon.runner()
	switch {
	case err == nil:
		return c, nil
	case fault.CodeOf(err) == fault.NotFound:
		return nil, &serviceapi.Problem{Code: serviceapi.NoSaga, Detail: "the app has no sagas; describe one under sagas in the app file"}
	}
	return nil, &serviceapi.Problem{Code: serviceapi.SagasStopped, Detail: err.Error(), RetryAfter: sagasRetry}
}

// sagasRetry is when it may help to ask again.
const sagasRetry = 5 * time.Second

func shownSaga(s *coordinator.Saga) serviceapi.Saga {
	from := sagaOf(s)
	to := serviceapi.Saga{
		ID: s.ID, Name: s.Name, State: string(s.Status), Reason: from.Reason, Created: s.Created, Updated: s.Updated, Deadline: from.Deadline,
		Input: from.Input, Ended: s.Status.Ended(), Version: uint64(s.Version),
	}
	for _, step := range from.Steps {
		to.Steps = append(to.Steps, serviceapi.SagaStep(step))
	}
	return to
}

// sagaCodes are the errors that services can do something about.
var sagaCodes = []struct {
	err  error
	code serviceapi.Code
}{
	{coordinator.ErrNoSaga, serviceapi.NoSaga},
	{coordinator.ErrRefused, serviceapi.SagaRefused},
	{coordinator.ErrKeyMissing, serviceapi.KeyMissing},
	{coordinator.ErrKeyReused, serviceapi.KeyReused},
	{coordinator.ErrInput, serviceapi.SchemaMismatch},
	{coordinator.ErrEnded, serviceapi.SagaEnded},
	{machine.ErrState, serviceapi.SagaState},
}

// sagaRefusal is an error of the coordinator as services see it.
func sagaRefusal(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	for _, c := range sagaCodes {
		if errors.Is(err, c.err) {
			return &serviceapi.Problem{Code: c.code, Detail: strings.TrimSpace(err.Error())}
		}
	}
	switch {
	case errors.Is(err, coordinator.ErrBusy):
		return &serviceapi.Problem{Code: serviceapi.SagasAbsent, Detail: err.Error(), RetryAfter: time.Second}
	case errors.Is(err, store.ErrFull):
		return &serviceapi.Problem{Code: serviceapi.SagasFull, Detail: err.Error(), RetryAfter: sagasRetry}
	}
	switch code := fault.CodeOf(err); {
	case code == fault.Invalid:
		return &serviceapi.Problem{Code: serviceapi.SagaInvalid, Detail: err.Error()}
	case code == fault.Damaged || code == fault.Unavailable || code == fault.Denied:
		return &serviceapi.Problem{Code: serviceapi.SagasStopped, Detail: err.Error(), RetryAfter: sagasRetry}
	}
	return err
}
