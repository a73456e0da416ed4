package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/saga/coordinator"
	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/saga/store"
	"github.com/banyanrun/banyan/internal/serviceapi"
)

// A request and its answer are one entry of a timeline; others stay where they are.
func TestFoldTimeline(t *testing.T) {
	start := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	got := foldTimeline([]coordinator.Entry{
		{At: at(0), What: "started"},
		{At: at(1), Step: "tax", Op: machine.Do, Attempt: 1, What: "called", Text: "POST bank /tax", Body: json.RawMessage(`1`)},
		{At: at(2), Step: "fraud", Op: machine.Do, Attempt: 1, What: "called", Text: "POST bank /fraud"},
		{At: at(5), Step: "fraud", Op: machine.Do, Attempt: 1, What: "aborted", Status: 409, Text: "no"},
		{At: at(9), Step: "tax", Op: machine.Do, Attempt: 1, What: "pending", Status: 202},
		{At: at(10), Step: "tax", Op: machine.Do, Attempt: 2, What: "polled", Text: "GET bank /tax/1"},
		{At: at(11), Step: "cool", What: "waiting"},
		{At: at(12), Step: "tax", Op: machine.Undo, Attempt: 1, What: "called", Text: "POST bank /untax"},
		{At: at(13), What: "compensating", Text: "why"},
	})
	var lines []string
	for _, e := range got {
		lines = append(lines, fmt.Sprintf("%d %s %s %d %q %d %s %s %q", e.Time.Sub(start).Milliseconds(), e.Step, e.Op, e.Attempt, e.Request, e.Status, e.Took, e.Outcome, e.Text))
	}
	want := []string{
		`0   0 "" 0 0s started ""`,
		`1 tax do 1 "POST bank /tax" 202 8ms pending ""`,
		`2 fraud do 1 "POST bank /fraud" 409 3ms aborted "no"`,
		`10 tax do 2 "GET bank /tax/1" 0 0s polled ""`,
		`11 cool  0 "" 0 0s waiting ""`,
		`12 tax undo 1 "POST bank /untax" 0 0s called ""`,
		`13   0 "" 0 0s compensating "why"`,
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%q\nwant\n%q", lines, want)
	}
}

// What the coordinator refuses services are told by codes of their own.
func TestSagaRefusal(t *testing.T) {
	for _, c := range []struct {
		err  error
		want serviceapi.Code
	}{
		{fault.New(fault.Denied, "not you: %w", coordinator.ErrRefused), serviceapi.SagaRefused},
		{noSaga("s1", fault.New(fault.NotFound, "x: %w", coordinator.ErrNoSaga)), serviceapi.NoSaga},
		{noSuchSaga("chekout", []string{"checkout"}, fault.New(fault.NotFound, "x: %w", coordinator.ErrNoSaga)), serviceapi.NoSaga},
		{fault.New(fault.Invalid, "x: %w", coordinator.ErrKeyMissing), serviceapi.KeyMissing},
		{fault.New(fault.Conflict, "x: %w", coordinator.ErrKeyReused), serviceapi.KeyReused},
		{fault.New(fault.Invalid, "x: %w", coordinator.ErrInput), serviceapi.SchemaMismatch},
		{fault.New(fault.Conflict, "x: %w", coordinator.ErrEnded), serviceapi.SagaEnded},
		{fault.New(fault.Conflict, "x: %w", machine.ErrState), serviceapi.SagaState},
		{fault.New(fault.Unavailable, "x: %w", coordinator.ErrBusy), serviceapi.SagasAbsent},
		{fault.New(fault.Damaged, "x"), serviceapi.SagasStopped},
		{fault.New(fault.Unavailable, "x"), serviceapi.SagasStopped},
		{fault.New(fault.Unavailable, "%w", store.ErrFull), serviceapi.SagasFull},
		{fault.New(fault.Invalid, "x"), serviceapi.SagaInvalid},
	} {
		p, ok := errors.AsType[*serviceapi.Problem](sagaRefusal(c.err))
		if !ok || p.Code != c.want || p.Detail == "" {
			t.Errorf("%v is answered %+v, want %s", c.err, p, c.want)
		}
	}
	if defect := errors.New("x"); !errors.Is(sagaRefusal(defect), defect) || sagaRefusal(nil) != nil {
		t.Error("a defect is no refusal")
	}
}

func TestPlaces(t *testing.T) {
	for _, bad := range []string{"0", "-1", "x", "1x"} {
		if _, err := placeOf(bad); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("the cursor %q: %v", bad, err)
		}
	}
	page := []coordinator.Saga{{Place: 9}, {Place: 7}}
	if got := nextPlace(page, 2); got != "7" {
		t.Errorf("the next page begins at %q", got)
	}
	if nextPlace(page, 3) != "" || nextPlace(nil, 3) != "" {
		t.Error("there is a page behind the last")
	}
}
