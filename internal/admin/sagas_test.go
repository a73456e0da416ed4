package admin

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/banyanrun/banyan/internal/fault"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// fakeSagas is a Sagas that remembers what it was asked.
type fakeSagas struct {
	filter SagaFilter
	start  []string
	steer  []string
	action banyanv1.SagaAction
	err    error
}

var saga1 = Saga{
	ID: "s1", Name: "checkout", State: banyanv1.SagaState_SAGA_STATE_RUNNING, Reason: "r", Created: at, Updated: at, Deadline: at, Due: at,
	StartedBy: "order", Parent: "p", Definition: "d", Input: json.RawMessage(`1`),
	Steps: []SagaStep{{Name: "charge", Phase: "called", Attempts: 2, Output: json.RawMessage(`2`), Error: "e", Due: at, Attention: true, Child: "c"}},
}

func (s *fakeSagas) List(_ context.Context, f SagaFilter) ([]Saga, string, error) {
	s.filter = f
	return []Saga{saga1}, "next", s.err
}

func (s *fakeSagas) Get(context.Context, string) (Saga, error) { return saga1, s.err }

func (s *fakeSagas) Timeline(context.Context, string) ([]SagaEntry, int, error) {
	return []SagaEntry{{
		N: 1, Time: at, Step: "charge", Op: "do", Attempt: 2, Request: "POST", Took: time.Second, Status: 200, Outcome: "done", Body: []byte(`3`), Text: "t",
	}}, 7, s.err
}

func (s *fakeSagas) Start(_ context.Context, name, key string, input json.RawMessage) (StartedSaga, error) {
	s.start = []string{name, key, string(input)}
	return StartedSaga{ID: "s1", Known: true}, s.err
}

func (s *fakeSagas) Steer(_ context.Context, id string, action banyanv1.SagaAction, step, reason string) (Saga, error) {
	s.steer, s.action = []string{id, step, reason}, action
	return saga1, s.err
}

// sagaEngine has nothing but sagas.
type sagaEngine struct {
	Engine

	sagas Sagas
	err   error
}

func (e sagaEngine) Sagas() (Sagas, error) { return e.sagas, e.err }

func TestSagasOnTheWire(t *testing.T) {
	s := &fakeSagas{}
	h := &handler{engine: sagaEngine{sagas: s}}
	list, err := h.ListSagas(t.Context(), &banyanv1.ListSagasRequest{Name: "checkout", State: saga1.State, Cursor: "c", Limit: 5000})
	if want := (SagaFilter{"checkout", saga1.State, "c", sagaPageMost}); err != nil || len(list.GetSagas()) != 1 || list.GetCursor() != "next" || s.filter != want {
		t.Errorf("%v, %v, asked for %+v", list, err, s.filter)
	}
	if _, err := h.ListSagas(t.Context(), &banyanv1.ListSagasRequest{}); err != nil || s.filter.Limit != sagaPage {
		t.Errorf("%v, asked for %+v", err, s.filter)
	}
	got, err := h.GetSaga(t.Context(), &banyanv1.GetSagaRequest{Id: "s1"})
	if err != nil || got.GetOmitted() != 7 {
		t.Fatalf("%v, %v", got, err)
	}
	one, step, entry := got.GetSaga(), got.GetSaga().GetSteps()[0], got.GetTimeline()[0]
	if one.GetId() != "s1" || one.GetReason() != "r" || !one.GetDeadline().AsTime().Equal(at) || string(one.GetInput()) != "1" || one.GetParent() != "p" || one.GetDefinition() != "d" {
		t.Errorf("the saga is %v", one)
	}
	if step.GetName() != "charge" || step.GetAttempts() != 2 || string(step.GetOutput()) != "2" || !step.GetNeedsAttention() || step.GetChild() != "c" || step.GetError() != "e" {
		t.Errorf("the step is %v", step)
	}
	if entry.GetN() != 1 || entry.GetOp() != "do" || entry.GetTook().AsDuration() != time.Second || entry.GetStatus() != 200 || entry.GetOutcome() != "done" || entry.GetText() != "t" {
		t.Errorf("the entry is %v", entry)
	}
	started, err := h.StartSaga(t.Context(), &banyanv1.StartSagaRequest{Name: "checkout", Key: "k"})
	if err != nil || started.GetId() != "s1" || !started.GetKnown() || s.start[0] != "checkout" || s.start[1] != "k" || s.start[2] != "null" {
		t.Errorf("%v, %v, asked for %q", started, err, s.start)
	}
	steered, err := h.SteerSaga(t.Context(), &banyanv1.SteerSagaRequest{Id: "s1", Action: banyanv1.SagaAction_SAGA_ACTION_SKIP, Step: "charge", Reason: "w"})
	if err != nil || steered.GetSaga().GetId() != "s1" || s.action != banyanv1.SagaAction_SAGA_ACTION_SKIP || s.steer[0] != "s1" || s.steer[1] != "charge" || s.steer[2] != "w" {
		t.Errorf("%v, %v, asked for %q", steered, err, s.steer)
	}
}

func TestSagasRefused(t *testing.T) {
	h := &handler{engine: sagaEngine{sagas: &fakeSagas{err: fault.New(fault.Conflict, "it has ended")}}}
	for name, c := range map[string]struct {
		call func() error
		want connect.Code
	}{
		"list":   {func() error { _, err := h.ListSagas(t.Context(), &banyanv1.ListSagasRequest{}); return err }, connect.CodeFailedPrecondition},
		"get":    {func() error { _, err := h.GetSaga(t.Context(), &banyanv1.GetSagaRequest{}); return err }, connect.CodeFailedPrecondition},
		"start":  {func() error { _, err := h.StartSaga(t.Context(), &banyanv1.StartSagaRequest{}); return err }, connect.CodeFailedPrecondition},
		"action": {func() error { _, err := h.SteerSaga(t.Context(), &banyanv1.SteerSagaRequest{}); return err }, connect.CodeInvalidArgument},
		"steer": {func() error {
			_, err := h.SteerSaga(t.Context(), &banyanv1.SteerSagaRequest{Action: banyanv1.SagaAction_SAGA_ACTION_RETRY})
			return err
		}, connect.CodeFailedPrecondition},
		"input": {func() error {
			_, err := h.StartSaga(t.Context(), &banyanv1.StartSagaRequest{Input: []byte("{")})
			return err
		}, connect.CodeInvalidArgument},
	} {
		if err := c.call(); connect.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	h = &handler{engine: sagaEngine{err: fault.New(fault.NotFound, "the app has no sagas")}}
	if none, err := h.ListSagas(t.Context(), &banyanv1.ListSagasRequest{}); err != nil || len(none.GetSagas()) != 0 {
		t.Errorf("an app without sagas: %v, %v", none, err)
	}
	if _, err := h.GetSaga(t.Context(), &banyanv1.GetSagaRequest{Id: "s1"}); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("a saga of an app without: %v", err)
	}
	h = &handler{engine: sagaEngine{err: fault.New(fault.Damaged, "saga.db is damaged")}}
	if _, err := h.GetSaga(t.Context(), &banyanv1.GetSagaRequest{}); connect.CodeOf(err) != connect.CodeDataLoss {
		t.Errorf("%v", err)
	}
}
