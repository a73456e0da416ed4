package cli

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"connectrpc.com/connect"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// fakeSagas is what a fakeDaemon answers about sagas.
type fakeSagas struct {
	all    []*banyanv1.Saga // at most two a page
	show   *banyanv1.GetSagaResponse
	start  *banyanv1.StartSagaResponse
	refuse error
}

func (d *fakeDaemon) ListSagas(_ context.Context, req *banyanv1.ListSagasRequest) (*banyanv1.ListSagasResponse, error) {
	d.calls <- req
	from, _ := strconv.Atoi(req.GetCursor()) // empty: 0
	to := min(from+2, len(d.sagas.all), from+int(req.GetLimit()))
	page := &banyanv1.ListSagasResponse{Sagas: d.sagas.all[from:to]}
	if to < len(d.sagas.all) {
		page.Cursor = strconv.Itoa(to)
	}
	return page, d.sagas.refuse
}

func (d *fakeDaemon) GetSaga(_ context.Context, req *banyanv1.GetSagaRequest) (*banyanv1.GetSagaResponse, error) {
	d.calls <- req
	return d.sagas.show, d.sagas.refuse
}

func (d *fakeDaemon) StartSaga(_ context.Context, req *banyanv1.StartSagaRequest) (*banyanv1.StartSagaResponse, error) {
	d.calls <- req
	return d.sagas.start, d.sagas.refuse
}

func (d *fakeDaemon) SteerSaga(_ context.Context, req *banyanv1.SteerSagaRequest) (*banyanv1.SteerSagaResponse, error) {
	d.calls <- req
	return &banyanv1.SteerSagaResponse{Saga: &banyanv1.Saga{Id: req.GetId(), Name: "checkout", State: banyanv1.SagaState_SAGA_STATE_COMPENSATING}}, d.sagas.refuse
}

func threeSagas() []*banyanv1.Saga {
	var all []*banyanv1.Saga
	for _, id := range []string{"s3", "s2", "s1"} {
		all = append(all, &banyanv1.Saga{Id: id, Name: "checkout", State: banyanv1.SagaState_SAGA_STATE_RUNNING, StartedBy: "order"})
	}
	return all
}

// All pages are shown, and no more than were asked for.
func TestSagas(t *testing.T) {
	for _, c := range []struct {
		args  []string
		shown []string
		more  bool
	}{
		{nil, []string{"s3", "s2", "s1"}, false},
		{[]string{"--limit", "2"}, []string{"s3", "s2"}, true},
		{[]string{"--limit", "3", "--json"}, []string{`"id":"s3"`, `"id":"s2"`, `"id":"s1"`}, false},
	} {
		r := newRun(t, true)
		r.d.sagas.all = threeSagas()
		r.start(append([]string{"sagas", "--state", "needs attention", "--name", "checkout"}, c.args...)...)
		r.exits(exitOK)
		if req := called[*banyanv1.ListSagasRequest](r); req.GetName() != "checkout" || req.GetState() != banyanv1.SagaState_SAGA_STATE_NEEDS_ATTENTION {
			t.Errorf("it asked for %v", req)
		}
		lines := strings.Split(strings.TrimSpace(r.out.String()), "\n")
		lines = lines[len(lines)-len(c.shown):]
		for i, id := range c.shown {
			if !strings.Contains(lines[i], id) {
				t.Errorf("%v: line %d is %s", c.args, i, lines[i])
			}
		}
		if more := strings.Contains(r.err.String(), "there are more"); more != c.more {
			t.Errorf("%v: %s", c.args, r)
		}
	}
}

func TestSagaUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"sagas", "--limit", "0"}, "--limit 0 is no number of sagas"},
		{[]string{"sagas", "--state", "done"}, `--state "done" is none of running,`},
		{[]string{"saga", "show"}, "ID is missing"},
		{[]string{"saga", "start", "checkout", "--input", "{"}, "the input is not JSON"},
		{[]string{"saga", "cancel", "s1", "--step", "charge"}, "unknown flag: --step"},
	} {
		r := newRun(t, true)
		r.start(c.args...)
		r.exits(exitUsage)
		r.sees(r.err, c.want)
	}
}

func TestSagaStart(t *testing.T) {
	r := newRun(t, true)
	r.write("order.json", `{"order": "1001"}`)
	r.d.sagas.start = &banyanv1.StartSagaResponse{Id: "s1"}
	r.start("saga", "start", "checkout", "--input", "@order.json", "--key", "k")
	r.exits(exitOK)
	req := called[*banyanv1.StartSagaRequest](r)
	if req.GetName() != "checkout" || string(req.GetInput()) != `{"order": "1001"}` || req.GetKey() != "k" {
		t.Errorf("it asked for %v", req)
	}
	r.sees(r.out, "checkout s1 is started\n")
}

func TestSagaSteer(t *testing.T) {
	for _, c := range []struct {
		args         []string
		action       banyanv1.SagaAction
		step, reason string
	}{
		{[]string{"retry", "s1"}, banyanv1.SagaAction_SAGA_ACTION_RETRY, "", ""},
		{[]string{"skip", "s1", "--step", "charge"}, banyanv1.SagaAction_SAGA_ACTION_SKIP, "charge", ""},
		{[]string{"compensate", "s1"}, banyanv1.SagaAction_SAGA_ACTION_COMPENSATE, "", ""},
		{[]string{"cancel", "s1", "--reason", "no"}, banyanv1.SagaAction_SAGA_ACTION_CANCEL, "", "no"},
	} {
		r := newRun(t, true)
		r.start(append([]string{"saga"}, c.args...)...)
		r.exits(exitOK)
		req := called[*banyanv1.SteerSagaRequest](r)
		if req.GetId() != "s1" || req.GetAction() != c.action || req.GetStep() != c.step || req.GetReason() != c.reason {
			t.Errorf("%v asked for %v", c.args, req)
		}
		r.sees(r.out, "checkout s1 is compensating\n")
	}
	r := newRun(t, true)
	r.d.sagas.refuse = connect.NewError(connect.CodeFailedPrecondition, errText("the saga has ended: it is succeeded"))
	r.start("saga", "retry", "s1")
	r.exits(exitFailed)
	r.sees(r.err, "banyan: the saga has ended: it is succeeded\n")
}

func TestSagaShow(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "checkout s1  running"},
		{[]string{"--json"}, `{"id":"s1","name":"checkout","state":"running","timeline":[]}`},
	} {
		r := newRun(t, true)
		r.d.sagas.show = &banyanv1.GetSagaResponse{Saga: &banyanv1.Saga{Id: "s1", Name: "checkout", State: banyanv1.SagaState_SAGA_STATE_RUNNING}}
		r.start(append([]string{"saga", "show", "s1"}, c.args...)...)
		r.exits(exitOK)
		r.sees(r.out, c.want)
	}
}
