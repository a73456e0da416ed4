package view

import (
	"fmt"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// Change is something that happened to a service, for a line of its own.
type Change struct {
	// Text is one line: "order: backing off: exit code 1 after 2s".
	Text string
	// Details explain it: compiler output, the last lines of the log.
	Details []string
	Style   Style
}

// Changes compares two reports and tells what happened in between, in the
// order of the second. A nil prev means that everything is news. Reasons that
// merely count down are none.
func Changes(prev, cur *banyanv1.Status) []Change {
	before := map[string]*banyanv1.Service{}
	for _, s := range prev.GetServices() {
		before[s.GetName()] = s
	}
	var out []Change
	for _, s := range cur.GetServices() {
		out = append(out, serviceChanges(before[s.GetName()], s)...)
		delete(before, s.GetName())
	}
	for _, s := range prev.GetServices() {
		if before[s.GetName()] != nil {
			out = append(out, Change{Text: s.GetName() + ": removed", Style: Dim})
		}
	}
	return out
}

func serviceChanges(prev, cur *banyanv1.Service) []Change {
	look := serviceFace(cur)
	switch {
	case prev == nil && cur.GetState() == banyanv1.State_STATE_WAITING && cur.GetReason() == "":
		return nil
	case prev == nil, prev.GetState() != cur.GetState(), prev.GetUpdating() != cur.GetUpdating(), newFailure(prev, cur):
		return []Change{{Text: describe(cur), Details: explain(cur), Style: look.style}}
	}
	out := instanceChanges(prev, cur)
	if len(out) == 0 && prev.GetReady() != cur.GetReady() {
		out = append(out, Change{Text: describe(cur), Style: look.style})
	}
	return out
}

func newFailure(prev, cur *banyanv1.Service) bool {
	return cur.GetState() == banyanv1.State_STATE_FAILED && prev.GetReason() != cur.GetReason()
}

// describe is "order: ready 2/3", "order: failed: the build failed".
func describe(s *banyanv1.Service) string {
	text := s.GetName() + ": " + serviceFace(s).word
	if s.GetState() == banyanv1.State_STATE_READY && s.GetDesired() > 1 {
		text += " " + readyCount(s)
	}
	if s.GetReason() != "" {
		text += ": " + Clean(s.GetReason())
	}
	return text
}

// explain returns the details that go with trouble.
func explain(s *banyanv1.Service) []string {
	if Done(s) {
		return nil
	}
	var out []string
	for _, d := range s.GetDetails() {
		out = append(out, Clean(d))
	}
	return out
}

// instanceChanges tells of instances in trouble and of restarts, which the
// service's own state does not show while others are ready.
func instanceChanges(prev, cur *banyanv1.Service) []Change {
	before := map[string]*banyanv1.Instance{}
	for _, i := range prev.GetInstances() {
		before[i.GetId()] = i
	}
	var out []Change
	for _, i := range cur.GetInstances() {
		was := before[i.GetId()]
		look := faceOf(i.GetState())
		switch {
		case was == nil:
		case was.GetState() != i.GetState() && troubled(i.GetState()):
			text := fmt.Sprintf("%s: %s", i.GetId(), look.word)
			if i.GetReason() != "" {
				text += ": " + Clean(i.GetReason())
			}
			out = append(out, Change{Text: text, Style: look.style})
		case i.GetRestarts() > was.GetRestarts():
			out = append(out, Change{Text: fmt.Sprintf("%s: restarted (%d so far)", i.GetId(), i.GetRestarts()), Style: Yellow})
		}
	}
	return out
}

func troubled(s banyanv1.State) bool {
	switch s {
	case banyanv1.State_STATE_UNREADY, banyanv1.State_STATE_BACKING_OFF, banyanv1.State_STATE_FAILED:
		return true
	}
	return false
}

// Report says for each service that is not done why, with all its details: what
// `up` prints when it gives up.
func Report(st *banyanv1.Status, color bool) []string {
	var out []string
	for _, s := range st.GetServices() {
		if Done(s) {
			continue
		}
		out = append(out, faceOf(s.GetState()).style.Paint(describe(s), color))
		for _, d := range explain(s) {
			out = append(out, "    "+d)
		}
	}
	return out
}
