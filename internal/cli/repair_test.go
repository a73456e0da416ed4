package cli

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

func (d *fakeDaemon) ListDelayed(_ context.Context, req *banyanv1.ListDelayedRequest) (*banyanv1.ListDelayedResponse, error) {
	d.calls <- req
	for _, e := range d.bus.delayed {
		if e.GetId() > req.GetAfter() {
			return &banyanv1.ListDelayedResponse{Events: []*banyanv1.DelayedEvent{e}}, nil
		}
	}
	return &banyanv1.ListDelayedResponse{}, d.bus.refuse
}

func (d *fakeDaemon) DropEvents(_ context.Context, req *banyanv1.DropEventsRequest) (*banyanv1.DropEventsResponse, error) {
	d.calls <- req
	return &banyanv1.DropEventsResponse{Dropped: 3}, d.bus.refuse
}

func (d *fakeDaemon) RepairTopic(_ context.Context, req *banyanv1.RepairTopicRequest) (*banyanv1.RepairTopicResponse, error) {
	d.calls <- req
	return d.bus.repair, d.bus.refuse
}

func TestEventsDelayed(t *testing.T) {
	at := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)
	for _, c := range []struct{ flag, first, second string }{
		{"", "12  in 1m0s  order.placed", "13  overdue  order.placed"},
		{"--json", `{"id":12,"due":"2026-11-21T14:01:00Z","event":{`, `{"id":13,"due":"2026-11-21T14:00:00Z","event":{`},
	} {
		r := newRun(t, true)
		r.p.now = func() time.Time { return at }
		r.d.bus.delayed = []*banyanv1.DelayedEvent{
			{Id: 12, Due: timestamppb.New(at.Add(time.Minute)), Event: storedEvent("1").GetEvent()},
			{Id: 13, Due: timestamppb.New(at), Event: storedEvent("2").GetEvent()},
		}
		args := []string{"events", "delayed", "order.placed"}
		if c.flag != "" {
			args = append(args, c.flag)
		}
		r.start(args...)
		r.exits(exitOK)
		r.sees(r.out, c.first)
		r.sees(r.out, c.second)
		for line := range strings.Lines(r.out.String()) {
			if c.flag != "" && !json.Valid([]byte(line)) {
				t.Errorf("no JSON: %s", line)
			}
		}
	}
	r := newRun(t, true)
	r.start("events", "delayed", "order.placed")
	r.exits(exitOK)
	r.sees(r.out, "topic order.placed has no delayed events\n")
}

// TestEventsDrop: nothing is dropped before the topic's name was typed.
func TestEventsDrop(t *testing.T) {
	for _, c := range []struct {
		args  string
		typed string // on a terminal; empty: there is none
		want  *banyanv1.DropEventsRequest
		code  int
		says  string
	}{
		{"--all --yes", "", &banyanv1.DropEventsRequest{Topic: "order.placed"}, exitOK, ""},
		{"--all --service user", "order.placed\n", &banyanv1.DropEventsRequest{Topic: "order.placed", Service: "user"}, exitOK, "All dead letters of topic order.placed and service user will"},
		{"--delayed --id 12", "order.placed\n", &banyanv1.DropEventsRequest{Topic: "order.placed", Delayed: true, Id: 12}, exitOK, "The delayed event 12 of topic order.placed will"},
		{"--all", "yes\n", nil, exitFailed, "banyan: nothing was done\n"},
		{"--all", "", nil, exitUsage, "--yes is missing"},
		{"", "", nil, exitUsage, "--id or --all is missing"},
		{"--id 1 --all", "", nil, exitUsage, "exclude each other"},
		{"--id 0", "", nil, exitUsage, "0 is no id of a dead letter"},
		{"--all --delayed --service user", "", nil, exitUsage, "not of a service"},
	} {
		r := newRun(t, true)
		if c.typed != "" {
			r.p.in, r.p.password = strings.NewReader(c.typed), func() ([]byte, error) { return nil, nil }
		}
		r.start(append([]string{"events", "drop", "order.placed"}, strings.Fields(c.args)...)...)
		r.exits(c.code)
		r.sees(r.err, c.says)
		if c.want == nil {
			continue
		}
		if req := called[*banyanv1.DropEventsRequest](r); req.String() != c.want.String() {
			t.Errorf("%s: asked for %v", c.args, req)
		}
		r.sees(r.out, "dropped: 3\n")
	}
}

func TestEventsRepair(t *testing.T) {
	found := &banyanv1.RepairTopicResponse{Events: 3, First: "481", Last: "483", Where: "/x", Missed: map[string]uint64{"user": 2}}
	for _, c := range []struct {
		args string
		res  *banyanv1.RepairTopicResponse
		want *banyanv1.RepairTopicRequest
		code int
		says []string
	}{
		{"", found, &banyanv1.RepairTopicRequest{}, exitOK, []string{
			"3 events of topic order.placed, sequences 481 to 483, are lost\n  at /x\n  service user had not had 2 of them\n",
			"banyan events repair order.placed --skip 3\n",
		}},
		{"--skip 3", found, &banyanv1.RepairTopicRequest{How: &banyanv1.RepairTopicRequest_Skip{Skip: 3}}, exitOK, []string{"were given up\n"}},
		{
			"--skip 0", &banyanv1.RepairTopicResponse{Reason: "more"}, &banyanv1.RepairTopicRequest{How: &banyanv1.RepairTopicRequest_Skip{}},
			exitFailed, []string{"no event was given up\n"},
		},
		{
			"--begin-anew --yes", &banyanv1.RepairTopicResponse{Events: 1, First: "1", Last: "1", Moved: "/y"},
			&banyanv1.RepairTopicRequest{How: &banyanv1.RepairTopicRequest_BeginAnew{BeginAnew: true}}, exitOK,
			[]string{"1 event of topic order.placed, sequence 1: it was given up\n  what was stored lies in /y\n"},
		},
		{"--begin-anew", nil, nil, exitUsage, nil},
		{"--begin-anew --skip 1 --yes", nil, nil, exitUsage, nil},
	} {
		r := newRun(t, true)
		r.d.bus.repair = c.res
		r.start(append([]string{"events", "repair", "order.placed"}, strings.Fields(c.args)...)...)
		r.exits(c.code)
		if c.want == nil {
			continue
		}
		c.want.Topic = "order.placed"
		if req := called[*banyanv1.RepairTopicRequest](r); req.String() != c.want.String() {
			t.Errorf("%s: asked for %v", c.args, req)
		}
		for _, says := range c.says {
			r.sees(r.out, says)
		}
	}
}
