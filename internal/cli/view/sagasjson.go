package view

import (
	"encoding/json"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// SagaJSON is a saga as one JSON object on a line.
func SagaJSON(s *banyanv1.Saga) string { return objectJSON(sagaObjectOf(s)) }

// SagaShowJSON is a saga with its timeline as one JSON object on a line.
func SagaShowJSON(r *banyanv1.GetSagaResponse) string {
	to := struct {
		sagaObject
		Omitted  int64         `json:"omitted,omitempty"`
		Timeline []entryObject `json:"timeline"`
	}{sagaObjectOf(r.GetSaga()), r.GetOmitted(), []entryObject{}}
	for _, e := range r.GetTimeline() {
		to.Timeline = append(to.Timeline, entryObject{
			N: e.GetN(), Time: maybeStamp(e.GetTime()), Step: e.GetStep(), Op: e.GetOp(), Attempt: e.GetAttempt(), Request: e.GetRequest(),
			Seconds: e.GetTook().AsDuration().Seconds(), Status: e.GetStatus(), Outcome: e.GetOutcome(), Body: bodyObject(e.GetBody()), Text: e.GetText(),
		})
	}
	return objectJSON(to)
}

type sagaObject struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	State      string          `json:"state"`
	Reason     string          `json:"reason,omitempty"`
	Created    string          `json:"created,omitempty"`
	Updated    string          `json:"updated,omitempty"`
	Deadline   string          `json:"deadline,omitempty"`
	StartedBy  string          `json:"started_by,omitempty"`
	Parent     string          `json:"parent,omitempty"`
	Definition string          `json:"definition,omitempty"`
	Input      json.RawMessage `json:"input,omitempty"`
	Steps      []stepObject    `json:"steps,omitempty"`
}

type stepObject struct {
	Name      string          `json:"name"`
	Phase     string          `json:"phase"`
	Attempts  int32           `json:"attempts,omitempty"`
	Attention bool            `json:"needs_attention,omitempty"`
	Output    json.RawMessage `json:"output,omitempty"`
	Error     string          `json:"error,omitempty"`
	Due       string          `json:"due,omitempty"`
	Saga      string          `json:"saga,omitempty"`
}

type entryObject struct {
	N       int64           `json:"n"`
	Time    string          `json:"time"`
	Step    string          `json:"step,omitempty"`
	Op      string          `json:"op,omitempty"`
	Attempt int32           `json:"attempt,omitempty"`
	Request string          `json:"request,omitempty"`
	Seconds float64         `json:"seconds,omitempty"`
	Status  int32           `json:"status,omitempty"`
	Outcome string          `json:"outcome,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"`
	Text    string          `json:"text,omitempty"`
}

func sagaObjectOf(s *banyanv1.Saga) sagaObject {
	to := sagaObject{
		ID: s.GetId(), Name: s.GetName(), State: SagaStateName(s.GetState()), Reason: s.GetReason(), Created: maybeStamp(s.GetCreated()),
		Updated: maybeStamp(s.GetUpdated()), Deadline: maybeStamp(s.GetDeadline()), StartedBy: s.GetStartedBy(), Parent: s.GetParent(),
		Definition: s.GetDefinition(), Input: bodyObject(s.GetInput()),
	}
	for _, step := range s.GetSteps() {
		to.Steps = append(to.Steps, stepObject{
			Name: step.GetName(), Phase: step.GetPhase(), Attempts: step.GetAttempts(), Attention: step.GetNeedsAttention(),
			Output: bodyObject(step.GetOutput()), Error: step.GetError(), Due: maybeStamp(step.GetDue()), Saga: step.GetChild(),
		})
	}
	return to
}

// bodyObject is text as a JSON value: itself, or a string where it is not JSON.
func bodyObject(text []byte) json.RawMessage {
	switch {
	case len(text) == 0:
		return nil
	case json.Valid(text):
		return text
	}
	quoted, _ := json.Marshal(string(text)) // a string: cannot fail
	return quoted
}

func maybeStamp(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return stamp(t.AsTime())
}

// SagaStateName is a state as the API of sagas writes it: needs_attention.
func SagaStateName(s banyanv1.SagaState) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "SAGA_STATE_"))
}
