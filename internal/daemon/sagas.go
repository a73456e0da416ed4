package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/admin"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/route"
	"github.com/banyanrun/banyan/internal/saga/coordinator"
	"github.com/banyanrun/banyan/internal/saga/machine"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// Sagas implements admin.Engine.
func (d *daemon) Sagas() (admin.Sagas, error) {
	c, err := d.runner()
	if err != nil {
		return nil, err
	}
	return sagas{c, d.sagaNames}, nil
}

// sagas is what the control API sees of the coordinator.
type sagas struct {
	*coordinator.Coordinator

	names func() []string // of the sagas in force
}

var _ admin.Sagas = sagas{}

// person is who acts by the control API, to the coordinator.
const person = ""

var sagaStates = map[machine.Status]banyanv1.SagaState{
	machine.Running: banyanv1.SagaState_SAGA_STATE_RUNNING, machine.Compensating: banyanv1.SagaState_SAGA_STATE_COMPENSATING,
	machine.NeedsAttention: banyanv1.SagaState_SAGA_STATE_NEEDS_ATTENTION, machine.Succeeded: banyanv1.SagaState_SAGA_STATE_SUCCEEDED,
	machine.Compensated: banyanv1.SagaState_SAGA_STATE_COMPENSATED,
}

// List implements admin.Sagas. Why sagas need attention is in what is kept of each
// alone, so that is looked up.
func (s sagas) List(ctx context.Context, f admin.SagaFilter) ([]admin.Saga, string, error) {
	before, err := placeOf(f.Cursor)
	if err != nil {
		return nil, "", err
	}
	filter := coordinator.Filter{Name: f.Name, Before: before, Most: f.Limit}
	for status, state := range sagaStates {
		if state == f.State {
			filter.Statuses = []machine.Status{status}
		}
	}
	found, err := s.Coordinator.List(ctx, filter)
	if err != nil {
		return nil, "", err
	}
	list := make([]admin.Saga, len(found))
	for i := range found {
		if found[i].Status == machine.NeedsAttention {
			if one, err := s.Coordinator.Get(ctx, person, found[i].ID); err == nil {
				found[i] = one
			}
		}
		list[i] = sagaOf(&found[i])
		list[i].Input, list[i].Steps = nil, nil
	}
	return list, nextPlace(found, f.Limit), nil
}

// placeOf reads a cursor of a list.
func placeOf(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	place, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || place <= 0 {
		return 0, fault.New(fault.Invalid, "%.40q is not the cursor of a list of sagas", cursor).Fix("send the one that came with the page before")
	}
	return place, nil
}

// nextPlace is the cursor of the page behind one; empty: there is none.
func nextPlace(page []coordinator.Saga, limit int) string {
	if len(page) < limit || len(page) == 0 {
		return ""
	}
	return strconv.FormatInt(page[len(page)-1].Place, 10)
}

// Get implements admin.Sagas.
func (s sagas) Get(ctx context.Context, id string) (admin.Saga, error) {
	one, err := s.Coordinator.Get(ctx, person, id)
	if err != nil {
		return admin.Saga{}, noSaga(id, err)
	}
	return sagaOf(&one), nil
}

// noSaga is err, which names the saga and says what to do where that is not there.
func noSaga(id string, err error) error {
	if !errors.Is(err, coordinator.ErrNoSaga) {
		return err
	}
	e := fault.New(fault.NotFound, "there is no saga %.100s", id).Fix("`banyan sagas` lists those there are; when they have ended they are kept for their retention")
	e.Err = err
	return e
}

// noSuchSaga is err, which names sagas of the app file where there is none with a name.
func noSuchSaga(name string, names []string, err error) error {
	if !errors.Is(err, coordinator.ErrNoSaga) {
		return err
	}
	e := fault.New(fault.NotFound, "the app file has no saga %.100s", name).Fix("%s", appfile.Suggest(name, names, "its sagas"))
	e.Err = err
	return e
}

// notNow is err, which says how the saga is where that is why.
func notNow(ctx context.Context, c *coordinator.Coordinator, by, id string, err error) error {
	if !errors.Is(err, machine.ErrState) {
		return noSaga(id, err)
	}
	one, getErr := c.Get(ctx, by, id)
	if getErr != nil {
		return err
	}
	word := strings.ReplaceAll(string(one.Status), "_", " ")
	e := fault.New(fault.Conflict, "the saga is %s: %s", word, strings.TrimPrefix(err.Error(), machine.ErrState.Error()+": "))
	if one.Status.Ended() {
		e = fault.New(fault.Conflict, "the saga has ended: it is %s", word)
	}
	e = e.Fix("see `banyan saga show %s`", id)
	e.Err = err
	return e
}

// Start implements admin.Sagas.
func (s sagas) Start(ctx context.Context, name, key string, input json.RawMessage) (admin.StartedSaga, error) {
	started, err := s.Coordinator.Start(ctx, person, name, key, "", input)
	return admin.StartedSaga{ID: started.ID, Known: !started.New}, noSuchSaga(name, s.names(), err)
}

// Steer implements admin.Sagas.
func (s sagas) Steer(ctx context.Context, id string, action banyanv1.SagaAction, step, reason string) (admin.Saga, error) {
	if reason == "" {
		reason = "asked for by a person"
	}
	var one coordinator.Saga
	var err error
	switch action {
	case banyanv1.SagaAction_SAGA_ACTION_CANCEL:
		one, err = s.Cancel(ctx, person, id, reason)
	case banyanv1.SagaAction_SAGA_ACTION_RETRY:
		one, err = s.Retry(ctx, person, id, step)
	case banyanv1.SagaAction_SAGA_ACTION_SKIP:
		one, err = s.Skip(ctx, person, id, step)
	case banyanv1.SagaAction_SAGA_ACTION_COMPENSATE:
		one, err = s.Compensate(ctx, person, id, reason)
	default:
		err = fault.New(fault.Invalid, "there is no action %d for sagas", action)
	}
	if err != nil {
		return admin.Saga{}, notNow(ctx, s.Coordinator, person, id, err)
	}
	return sagaOf(&one), nil
}

func sagaOf(s *coordinator.Saga) admin.Saga {
	to := admin.Saga{
		ID: s.ID, Name: s.Name, State: sagaStates[s.Status], Created: s.Created, Updated: s.Updated, StartedBy: s.By, Parent: s.Parent,
	}
	if to.StartedBy == person && to.Parent == "" {
		to.StartedBy = route.Platform
	}
	if st := s.State; st != nil {
		to.Reason, to.Deadline, to.Definition, to.Input = st.Reason, st.Deadline, st.Digest, st.Input
		to.Due, _ = st.Due()
		for i := range st.Steps {
			step := &st.Steps[i]
			to.Steps = append(to.Steps, admin.SagaStep{
				Name: step.Name, Phase: string(step.Phase), Attempts: step.Attempts, Output: step.Output, Error: step.Error,
				Due: stepDue(step), Attention: step.Stuck, Child: step.Child,
			})
			if step.Stuck && to.Reason == "" {
				to.Reason = step.Name + ": " + step.Error
			}
		}
	}
	if s.Stopped != nil {
		to.Reason = "nothing is done for it any more: " + s.Stopped.Error()
	}
	return to
}

// stepDue is when a step goes on by itself; zero: it is under way, or has ended.
func stepDue(s *machine.StepState) time.Time {
	if s.Busy {
		return time.Time{}
	}
	return s.NotBefore
}

// timelineMost is how many entries of a saga are shown: those of one whose undo
// fails for weeks are too many to look at.
const timelineMost = 2000

// Timeline implements admin.Sagas.
func (s sagas) Timeline(ctx context.Context, id string) ([]admin.SagaEntry, int, error) {
	var all []coordinator.Entry
	omitted, after := 0, int64(0)
	for {
		more, err := s.Coordinator.Timeline(ctx, person, id, after)
		if err != nil {
			return nil, 0, noSaga(id, err)
		}
		if len(more) == 0 {
			return foldTimeline(all), omitted, nil
		}
		after = more[len(more)-1].Version
		all = append(all, more...)
		if n := len(all) - timelineMost; n > 0 {
			omitted += n
			all = append([]coordinator.Entry(nil), all[n:]...)
		}
	}
}

// What entries of a timeline say of requests that were made.
const (
	whatCalled = "called"
	whatPolled = "polled"
)

// foldTimeline makes one entry of a request and what came of it.
func foldTimeline(entries []coordinator.Entry) []admin.SagaEntry {
	type request struct {
		step    string
		op      machine.Op
		attempt int
	}
	var all []admin.SagaEntry
	open := map[request]int{} // index of the request that has no answer yet
	for i := range entries {
		e := &entries[i]
		which := request{e.Step, e.Op, e.Attempt}
		to := admin.SagaEntry{N: int64(i + 1), Time: e.At, Step: e.Step, Op: string(e.Op), Attempt: e.Attempt}
		if e.What == whatCalled || e.What == whatPolled {
			to.Request, to.Outcome = e.Text, e.What
			open[which] = len(all)
			all = append(all, to)
			continue
		}
		if at, ok := open[which]; ok && e.Step != "" && e.Attempt > 0 {
			delete(open, which)
			all[at].Took = e.At.Sub(all[at].Time)
			all[at].Status, all[at].Outcome, all[at].Body, all[at].Text = e.Status, e.What, e.Body, e.Text
			continue
		}
		to.Status, to.Outcome, to.Body, to.Text = e.Status, e.What, e.Body, e.Text
		all = append(all, to)
	}
	return all
}
