package machine

import (
	"encoding/json"
	"fmt"

	"github.com/banyanrun/banyan/internal/saga/definition"
)

// UnmarshalJSON implements json.Unmarshaler. A status or phase that is none is an
// error: what a newer or damaged store means must not be guessed.
func (s *State) UnmarshalJSON(text []byte) error {
	type plain State
	var p plain
	if err := json.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("the state of a saga: %w", err)
	}
	for i := range p.Steps {
		if w := p.Steps[i].Wait; w != nil {
			w.Step = p.Steps[i].Name
		}
	}
	read := State(p)
	if err := read.valid(); err != nil {
		return err
	}
	*s = read
	return nil
}

// valid returns an error unless status and phases are known ones.
func (s *State) valid() error {
	switch s.Status {
	case Running, Compensating, NeedsAttention, Succeeded, Compensated:
	default:
		return fmt.Errorf("the saga %s has the unknown status %q", s.ID, s.Status)
	}
	for _, st := range s.Steps {
		switch st.Phase {
		case Idle, Called, Pending, Unknown, Waiting, Done, Aborted, Skipped, Undoing, UndoPending, Undone:
		default:
			return fmt.Errorf("the step %s of the saga %s has the unknown phase %q", st.Name, s.ID, st.Phase)
		}
	}
	return nil
}

// fits returns an error unless the state is one of a saga by that definition.
func (s *State) fits(def *definition.Definition) error {
	if s.Digest != def.Digest || len(s.Steps) != len(def.Steps) {
		return fmt.Errorf("the saga %s (%s) runs by another definition: %s, not %s", s.ID, s.Name, s.Digest, def.Digest)
	}
	for i, step := range def.Steps {
		if s.Steps[i].Name != step.Name {
			return fmt.Errorf("the saga %s (%s) has the step %s where its definition has %s", s.ID, s.Name, s.Steps[i].Name, step.Name)
		}
	}
	return s.valid()
}

// Waits are the events that the saga waits for.
func (s State) Waits() []Wait {
	var waits []Wait
	for _, st := range s.Steps {
		if st.Phase == Waiting && st.Wait != nil {
			waits = append(waits, *st.Wait)
		}
	}
	return waits
}

// Output is an object with the outputs of the steps that are done, by their names.
func (s State) Output() json.RawMessage {
	out := map[string]json.RawMessage{}
	for _, st := range s.Steps {
		if st.Phase == Done {
			out[st.Name] = st.Output
		}
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil // outputs are JSON
	}
	return text
}

// Trouble says why the saga needs attention, and is empty if it does not.
func (s State) Trouble() string {
	for _, st := range s.Steps {
		if st.Stuck {
			return fmt.Sprintf("the step %s: %s", st.Name, orElse(st.Error, "it does not succeed"))
		}
	}
	if s.Late {
		return "it takes longer than its timeout, and is past its point of no return"
	}
	return ""
}
