package admin

import (
	"context"
	"encoding/json"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/banyanrun/banyan/internal/fault"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// Bounds of a page of sagas.
const (
	sagaPage     = 100
	sagaPageMost = 1000
)

// sagas returns the app's sagas.
func (h *handler) sagas() (Sagas, error) {
	s, err := h.engine.Sagas()
	return s, wire(err)
}

func (h *handler) ListSagas(ctx context.Context, r *banyanv1.ListSagasRequest) (*banyanv1.ListSagasResponse, error) {
	sagas, err := h.engine.Sagas()
	switch {
	case fault.CodeOf(err) == fault.NotFound: // the app has none: that is no mistake of who asks
		return &banyanv1.ListSagasResponse{}, nil
	case err != nil:
		return nil, wire(err)
	}
	f := SagaFilter{Name: r.GetName(), State: r.GetState(), Cursor: r.GetCursor(), Limit: int(r.GetLimit())}
	if f.Limit <= 0 {
		f.Limit = sagaPage
	}
	f.Limit = min(f.Limit, sagaPageMost)
	page, cursor, err := sagas.List(ctx, f)
	if err != nil {
		return nil, wire(err)
	}
	to := &banyanv1.ListSagasResponse{Cursor: cursor}
	for i := range page {
		to.Sagas = append(to.Sagas, saga(&page[i]))
	}
	return to, nil
}

func (h *handler) GetSaga(ctx context.Context, r *banyanv1.GetSagaRequest) (*banyanv1.GetSagaResponse, error) {
	sagas, err := h.sagas()
	if err != nil {
		return nil, err
	}
	one, err := sagas.Get(ctx, r.GetId())
	if err != nil {
		return nil, wire(err)
	}
	entries, omitted, err := sagas.Timeline(ctx, r.GetId())
	if err != nil {
		return nil, wire(err)
	}
	to := &banyanv1.GetSagaResponse{Saga: saga(&one), Omitted: int64(omitted)}
	for i := range entries {
		to.Timeline = append(to.Timeline, sagaEntry(&entries[i]))
	}
	return to, nil
}

func (h *handler) StartSaga(ctx context.Context, r *banyanv1.StartSagaRequest) (*banyanv1.StartSagaResponse, error) {
	sagas, err := h.sagas()
	if err != nil {
		return nil, err
	}
	input := r.GetInput()
	if len(input) == 0 {
		input = []byte("null")
	}
	if !json.Valid(input) {
		return nil, wire(fault.New(fault.Invalid, "the input is not JSON"))
	}
	started, err := sagas.Start(ctx, r.GetName(), r.GetKey(), input)
	if err != nil {
		return nil, wire(err)
	}
	return &banyanv1.StartSagaResponse{Id: started.ID, Known: started.Known}, nil
}

func (h *handler) SteerSaga(ctx context.Context, r *banyanv1.SteerSagaRequest) (*banyanv1.SteerSagaResponse, error) {
	sagas, err := h.sagas()
	if err != nil {
		return nil, err
	}
	if r.GetAction() == banyanv1.SagaAction_SAGA_ACTION_UNSPECIFIED {
		return nil, wire(fault.New(fault.Invalid, "what to do with the saga is missing"))
	}
	one, err := sagas.Steer(ctx, r.GetId(), r.GetAction(), r.GetStep(), r.GetReason())
	if err != nil {
		return nil, wire(err)
	}
	return &banyanv1.SteerSagaResponse{Saga: saga(&one)}, nil
}

func saga(s *Saga) *banyanv1.Saga {
	to := &banyanv1.Saga{
		Id: s.ID, Name: s.Name, State: s.State, Reason: s.Reason, Created: timestamp(s.Created), Updated: timestamp(s.Updated),
		Deadline: timestamp(s.Deadline), Due: timestamp(s.Due), StartedBy: s.StartedBy, Parent: s.Parent, Input: s.Input, Definition: s.Definition,
	}
	for _, step := range s.Steps {
		to.Steps = append(to.Steps, &banyanv1.SagaStep{
			Name: step.Name, Phase: step.Phase, Attempts: int32(step.Attempts), Output: step.Output, Error: step.Error, Due: timestamp(step.Due),
			NeedsAttention: step.Attention, Child: step.Child,
		})
	}
	return to
}

func sagaEntry(e *SagaEntry) *banyanv1.SagaEntry {
	to := &banyanv1.SagaEntry{
		N: e.N, Time: timestamp(e.Time), Step: e.Step, Op: e.Op, Attempt: int32(e.Attempt), Request: e.Request,
		Status: int32(e.Status), Outcome: e.Outcome, Body: e.Body, Text: e.Text,
	}
	if e.Took > 0 {
		to.Took = durationpb.New(e.Took)
	}
	return to
}
