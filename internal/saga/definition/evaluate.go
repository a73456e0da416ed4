package definition

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/banyanrun/banyan/internal/saga/expr"
)

// ErrInput is the error of an input that the saga's schema refuses.
var ErrInput = errors.New("the input is not what the saga takes")

// bodyMost bounds what an output keeps of an answer, in bytes.
const bodyMost = 1 << 20

// Source is the text that d was compiled from: [Source] as JSON.
func (d *Definition) Source() []byte { return d.source }

// CheckInput returns an error, which is [ErrInput], unless the input is JSON that
// the schema accepts. No input is null.
func (d *Definition) CheckInput(input json.RawMessage) error {
	if len(input) > 0 && !json.Valid(input) {
		return fmt.Errorf("%w: it is not JSON", ErrInput)
	}
	if err := d.input.check(input); err != nil {
		return fmt.Errorf("%w: %w", ErrInput, err)
	}
	return nil
}

// When tells whether the step is to be done.
func (s *Step) When(d *Definition, in Scope) (bool, error) {
	for _, when := range s.whens {
		if yes, err := when.Bool(d.values(in, nil)); err != nil || !yes {
			return false, wrap("when", err)
		}
	}
	return true, nil
}

// Do is the request that the step makes.
func (s *Step) Do(d *Definition, in Scope) (Request, error) {
	r, err := s.do.make(d.values(in, nil))
	return r, wrap("call", err)
}

// Undo is the request that takes it back.
func (s *Step) Undo(d *Definition, in Scope) (Request, error) {
	failure, err := json.Marshal(in.Failure)
	if err != nil {
		return Request{}, wrap("undo", err)
	}
	own := map[string]json.RawMessage{s.Name: nil, "error": failure}
	if out, ok := in.Output(s.Name); ok {
		own[s.Name] = out
	}
	r, err := s.undo.make(d.values(in, own))
	return r, wrap("undo", err)
}

// ChildInput is the input of the saga that the step runs.
func (s *Step) ChildInput(d *Definition, in Scope) (json.RawMessage, error) {
	if s.input == nil {
		return in.Input, nil
	}
	v, err := s.input.JSON(d.values(in, nil))
	return v, wrap("input", err)
}

// Answer is the step's output of a response.
func (s *Step) Answer(d *Definition, in Scope, r Response) (json.RawMessage, error) {
	if len(r.Body) == 0 {
		r.Body = nil // which is null
	}
	if s.output == nil {
		return s.checked(r.Body)
	}
	if len(r.Body) > 0 && !json.Valid(r.Body) {
		return nil, errors.New("the answer is not JSON")
	}
	if r.Header == nil {
		r.Header = map[string]string{}
	}
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("the answer cannot be read: %w", err)
	}
	v, err := s.output.JSON(d.values(in, map[string]json.RawMessage{"response": text}))
	if err != nil {
		return nil, wrap("output", err)
	}
	return s.checked(v)
}

// Event is the output of a step that waited for an event.
func (s *Step) Event(d *Definition, in Scope, event json.RawMessage) (json.RawMessage, error) {
	if s.output == nil {
		var e struct {
			Data json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(event, &e); err != nil {
			return nil, fmt.Errorf("the event cannot be read: %w", err)
		}
		return s.checked(e.Data)
	}
	v, err := s.output.JSON(d.values(in, map[string]json.RawMessage{"event": event}))
	if err != nil {
		return nil, wrap("output", err)
	}
	return s.checked(v)
}

// Matches tells whether an event is the one that the step waits for. An event
// that lacks what the expression asks for is not.
func (s *Step) Matches(d *Definition, in Scope, event json.RawMessage) bool {
	if s.where == nil || !json.Valid(event) {
		return false
	}
	yes, err := s.where.Bool(d.values(in, map[string]json.RawMessage{"event": event}))
	return err == nil && yes
}

// Correlate returns what narrows the events that can match: an expression of the
// event, for [expr.Pick], and the value it must have. Empty: nothing does.
func (s *Step) Correlate(d *Definition, in Scope) (on, value string, err error) {
	if s.value == nil {
		return "", "", nil
	}
	value, ok, err := s.value.Key(d.values(in, nil))
	if err != nil || !ok {
		return "", "", wrap("where", err)
	}
	return s.on, value, nil
}

func (s *Step) checked(output json.RawMessage) (json.RawMessage, error) {
	switch {
	case len(output) > 0 && !json.Valid(output):
		return nil, errors.New("the answer is not JSON")
	case len(output) > bodyMost:
		return nil, fmt.Errorf("the output is longer than %d bytes", bodyMost)
	}
	if err := s.schema.check(output); err != nil {
		return nil, fmt.Errorf("the output is not what the schema says: %w", err)
	}
	return output, nil
}

func (r *request) make(values expr.Values) (Request, error) {
	if r == nil {
		return Request{}, errors.New("there is no request")
	}
	path, err := r.path.Path(values)
	if err != nil {
		return Request{}, wrap("path", err)
	}
	out := Request{Service: r.service, Method: r.method, Path: path}
	if r.body != nil {
		if out.Body, err = r.body.JSON(values); err != nil {
			return Request{}, wrap("body", err)
		}
	}
	return out, nil
}

// values are the variables of an expression; more are looked at first.
func (d *Definition) values(in Scope, more map[string]json.RawMessage) expr.Values {
	return func(name string) (json.RawMessage, bool) {
		if v, ok := more[name]; ok {
			return v, true
		}
		switch name {
		case "input":
			return in.Input, true
		case "saga":
			text, err := json.Marshal(map[string]any{"id": in.ID, "name": d.Name, "created": in.Created.UTC().Format(time.RFC3339Nano)})
			return text, err == nil
		}
		return in.Output(name)
	}
}

func wrap(key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", key, err)
}
