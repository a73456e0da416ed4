package cli

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/banyanrun/banyan/internal/daemon/layout"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// fakeBus is what a fakeDaemon answers about events.
type fakeBus struct {
	topics  func() *banyanv1.ListTopicsResponse
	events  []*banyanv1.StoredEvent // what tail sends
	die     func()                  // what then happens, if a tail follows
	publish *banyanv1.PublishedEvent
	dead    []*banyanv1.DeadLetter // one a page
	redrive *banyanv1.RedriveResponse
	replay  *banyanv1.ReplayResponse
	delayed []*banyanv1.DelayedEvent // one a page
	repair  *banyanv1.RepairTopicResponse
	refuse  error
}

func (d *fakeDaemon) ListTopics(_ context.Context, req *banyanv1.ListTopicsRequest) (*banyanv1.ListTopicsResponse, error) {
	d.calls <- req
	return d.bus.topics(), nil
}

func (d *fakeDaemon) TailEvents(ctx context.Context, req *banyanv1.TailEventsRequest, stream *connect.ServerStream[banyanv1.TailEventsResponse]) error {
	d.calls <- req
	for _, e := range d.bus.events {
		if err := stream.Send(&banyanv1.TailEventsResponse{Event: e}); err != nil {
			return err
		}
	}
	if !req.GetFollow() {
		return d.bus.refuse
	}
	if d.bus.die != nil {
		d.bus.die()
	}
	<-ctx.Done()
	return ctx.Err()
}

func (d *fakeDaemon) PublishEvents(_ context.Context, req *banyanv1.PublishEventsRequest) (*banyanv1.PublishEventsResponse, error) {
	d.calls <- req
	return &banyanv1.PublishEventsResponse{Events: []*banyanv1.PublishedEvent{d.bus.publish}}, d.bus.refuse
}

func (d *fakeDaemon) ListDead(_ context.Context, req *banyanv1.ListDeadRequest) (*banyanv1.ListDeadResponse, error) {
	d.calls <- req
	for _, letter := range d.bus.dead {
		if letter.GetId() > req.GetAfter() {
			return &banyanv1.ListDeadResponse{Dead: []*banyanv1.DeadLetter{letter}}, nil
		}
	}
	return &banyanv1.ListDeadResponse{}, d.bus.refuse
}

func (d *fakeDaemon) Redrive(_ context.Context, req *banyanv1.RedriveRequest) (*banyanv1.RedriveResponse, error) {
	d.calls <- req
	return d.bus.redrive, nil
}

func (d *fakeDaemon) Replay(_ context.Context, req *banyanv1.ReplayRequest) (*banyanv1.ReplayResponse, error) {
	d.calls <- req
	return d.bus.replay, nil
}

func (d *fakeDaemon) SetSubscription(_ context.Context, req *banyanv1.SetSubscriptionRequest) (*banyanv1.SetSubscriptionResponse, error) {
	d.calls <- req
	return &banyanv1.SetSubscriptionResponse{}, d.bus.refuse
}

// publishing answers with ten events more, five seconds later, each time.
func publishing() func() *banyanv1.ListTopicsResponse {
	since := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)
	n := int64(0)
	return func() *banyanv1.ListTopicsResponse {
		n++
		return &banyanv1.ListTopicsResponse{
			Since: timestamppb.New(since), Time: timestamppb.New(since.Add(time.Duration(n) * 5 * time.Second)),
			Topics: []*banyanv1.Topic{{
				Name: "order.placed", Published: 10 * n,
				Subscriptions: []*banyanv1.Subscription{{Service: "user", Delivered: 5 * n}},
			}},
		}
	}
}

func storedEvent(sequence string) *banyanv1.StoredEvent {
	return &banyanv1.StoredEvent{
		Sequence: sequence, Time: timestamppb.Now(),
		Event: &banyanv1.Event{Attributes: map[string]string{"type": "order.placed", "id": "e" + sequence}, Data: []byte(`{"n":1}`)},
	}
}

func TestTopics(t *testing.T) {
	r := newRun(t, true)
	r.d.bus.topics = publishing()
	r.start("topics", "--interval", "1ms")
	r.exits(exitOK)
	r.sees(r.out, "order.placed  unknown       0     0         2\n")
	r.sees(r.out, "order.placed  user        unknown    0          0         0     0         1\n")
}

func TestTopicsJSON(t *testing.T) {
	r := newRun(t, true)
	r.d.bus.topics = publishing()
	r.start("topics", "--json")
	r.exits(exitOK)
	var got banyanv1.ListTopicsResponse
	if err := protojson.Unmarshal([]byte(r.out.String()), &got); err != nil || got.GetTopics()[0].GetPublished() != 10 {
		t.Errorf("not topics: %v\n%s", err, r)
	}
}

func TestEventsTail(t *testing.T) {
	r := newRun(t, true)
	r.d.bus.events = []*banyanv1.StoredEvent{storedEvent("7"), storedEvent("8")}
	r.start("events", "tail", "order.placed", "--from", "10m", "--json")
	r.exits(exitOK)
	req := called[*banyanv1.TailEventsRequest](r)
	from, err := time.Parse(time.RFC3339, req.GetFrom())
	if req.GetTopic() != "order.placed" || req.GetFollow() || err != nil || time.Since(from).Round(time.Minute) != 10*time.Minute {
		t.Errorf("asked for %v", req)
	}
	lines := strings.Split(strings.TrimSpace(r.out.String()), "\n")
	if len(lines) != 2 || !json.Valid([]byte(lines[0])) || !json.Valid([]byte(lines[1])) {
		t.Errorf("not two lines of JSON\n%s", r)
	}
}

func TestEventsTailRefused(t *testing.T) {
	r := newRun(t, true)
	r.d.bus.refuse = connect.NewError(connect.CodeNotFound, errText("there is no topic order.palced; did you mean order.placed?"))
	r.start("events", "tail", "order.palced")
	r.exits(exitFailed)
	r.sees(r.err, "banyan: there is no topic order.palced; did you mean order.placed?\n")
}

func TestEventsTailFollow(t *testing.T) {
	r := newRun(t, true)
	r.d.bus.events = []*banyanv1.StoredEvent{storedEvent("7")}
	r.start("events", "tail", "order.placed", "-f", "--from", "481")
	if req := called[*banyanv1.TailEventsRequest](r); req.GetFrom() != "481" || !req.GetFollow() {
		t.Errorf("asked for %v", req)
	}
	r.sees(r.out, `  7  order.placed  {"n":1}`)
	r.signals <- os.Interrupt
	r.exits(exitOK)
}

// TestEventsTailGoesOn: the daemon dies, and the next one is asked for what follows.
func TestEventsTailGoesOn(t *testing.T) {
	r := newRun(t, true)
	r.d.bus.events = []*banyanv1.StoredEvent{storedEvent("7"), storedEvent("8")}
	r.d.bus.die = func() { go r.d.kill() }
	second := newFakeDaemon()
	second.bus.events = []*banyanv1.StoredEvent{storedEvent("9")}
	started := false
	r.p.ensure = func(context.Context, layout.Layout, bool) error {
		if isSocket(r.l.ControlSocket) && look(r.l) == crashed && !started {
			started = true
			second.serve(t, r.l)
		}
		return nil
	}
	r.start("events", "tail", "order.placed", "-f")
	r.sees(r.out, "  9  order.placed")
	select {
	case msg := <-second.calls:
		if req, ok := msg.(*banyanv1.TailEventsRequest); !ok || req.GetFrom() != "9" {
			t.Errorf("the second was asked %v", msg)
		}
	default:
		t.Error("the second was not asked")
	}
	r.signals <- os.Interrupt
	r.exits(exitOK)
}

func TestEventsPublish(t *testing.T) {
	for _, c := range []struct {
		args  []string
		input string
		done  *banyanv1.PublishedEvent
		event map[string]string
		data  string
		says  string
	}{
		{
			args: []string{"--type", "placed", "--subject", "1001", "--id", "x", "--source", "/s", "--data", `{"n": 1}`},
			done: &banyanv1.PublishedEvent{Id: "x", Sequence: "481"}, data: `{"n": 1}`, says: "x is published to order.placed, sequence 481\n",
			event: map[string]string{"type": "placed", "subject": "1001", "id": "x", "source": "/s", "datacontenttype": "application/json"},
		},
		{
			args: []string{"--data", "@src/main.go", "--content-type", "text/plain"}, data: "package main\n",
			done: &banyanv1.PublishedEvent{Id: "y", Duplicate: true}, says: "y was published to order.placed before; nothing is stored again\n",
			event: map[string]string{"datacontenttype": "text/plain"},
		},
		{
			args: []string{"--data", "-"}, input: "[1]", data: "[1]",
			done:  &banyanv1.PublishedEvent{Id: "z", Scheduled: timestamppb.New(time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC))},
			event: map[string]string{"datacontenttype": "application/json"}, says: "z will be published to order.placed at 2026-11-21 14:00:00\n",
		},
		{done: &banyanv1.PublishedEvent{Id: "e"}, event: map[string]string{}, says: "e is published to order.placed, sequence unknown\n"},
	} {
		r := newRun(t, true)
		r.p.in = strings.NewReader(c.input)
		r.p.now = func() time.Time { return time.Now().UTC() }
		r.d.bus.publish = c.done
		r.start(append([]string{"events", "publish", "order.placed"}, c.args...)...)
		r.exits(exitOK)
		req := called[*banyanv1.PublishEventsRequest](r)
		want := &banyanv1.Event{Attributes: c.event, Data: []byte(c.data)}
		if req.GetTopic() != "order.placed" || len(req.GetEvents()) != 1 || req.GetEvents()[0].String() != want.String() {
			t.Errorf("asked for %v, want %v", req, want)
		}
		r.sees(r.out, c.says)
	}
}

func TestEventsPublishLater(t *testing.T) {
	r := newRun(t, true)
	r.p.now = func() time.Time { return time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC) }
	r.d.bus.publish = &banyanv1.PublishedEvent{}
	r.start("events", "publish", "order.placed", "--delay", "1d")
	r.exits(exitOK)
	req := called[*banyanv1.PublishEventsRequest](r)
	if got := req.GetEvents()[0].GetAttributes()["deliverat"]; got != "2026-11-22T14:00:00Z" {
		t.Errorf("it counts from %s", got)
	}
}

func TestEventsDead(t *testing.T) {
	r := newRun(t, true)
	at := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)
	r.p.now = func() time.Time { return at.Add(time.Minute) }
	for i := range int64(2) {
		r.d.bus.dead = append(r.d.bus.dead, &banyanv1.DeadLetter{
			Id: 12 + i, Service: "user", Attempts: 16, Error: "no answer", Last: timestamppb.New(at), Event: storedEvent("481"),
		})
	}
	r.start("events", "dead", "order.placed", "--service", "user")
	r.exits(exitOK)
	if req := called[*banyanv1.ListDeadRequest](r); req.GetService() != "user" {
		t.Errorf("asked for %v", req)
	}
	r.sees(r.out, "12  user          481  order.placed        16  1m0s\n")
	r.sees(r.out, "13  user")
	r.start("events", "dead", "order.placed", "--json")
	r.exits(exitOK)
	r.sees(r.out, `{"id":13,"service":"user"`)
	r.d.bus.dead = nil
	r.start("events", "dead", "order.placed")
	r.exits(exitOK)
	r.sees(r.out, "topic order.placed has no dead letters\n")
}

func TestEventsRedrive(t *testing.T) {
	r := newRun(t, true)
	for _, c := range []struct {
		done *banyanv1.RedriveResponse
		code int
		says string
	}{
		{&banyanv1.RedriveResponse{}, exitOK, "topic order.placed has no dead letters of service user\n"},
		{&banyanv1.RedriveResponse{Delivered: 3}, exitOK, "delivered: 3\n"},
		{&banyanv1.RedriveResponse{Delivered: 1, Failed: 2}, exitFailed, "banyan: 2 failed again and stay dead letters; see `banyan events dead order.placed`\n"},
	} {
		r.d.bus.redrive = c.done
		r.start("events", "redrive", "order.placed", "--service", "user", "--id", "12")
		r.exits(c.code)
		if req := called[*banyanv1.RedriveRequest](r); req.GetService() != "user" || req.GetId() != 12 || req.GetTopic() != "order.placed" {
			t.Errorf("asked for %v", req)
		}
		if !strings.Contains(r.String(), c.says) {
			t.Errorf("no %q\n%s", c.says, r)
		}
	}
}

func TestEventsReplay(t *testing.T) {
	r := newRun(t, true)
	r.d.bus.replay = &banyanv1.ReplayResponse{Delivered: 5, Lost: 2, Failed: 1}
	r.start("events", "replay", "order.placed", "--to", "user", "--from", "481", "--until", "2026-11-21T14:00:00Z")
	r.exits(exitFailed)
	req := called[*banyanv1.ReplayRequest](r)
	if req.GetTopic() != "order.placed" || req.GetService() != "user" || req.GetFrom() != "481" || req.GetUntil() != "2026-11-21T14:00:00Z" {
		t.Errorf("asked for %v", req)
	}
	r.sees(r.out, "delivered: 5\n")
	r.sees(r.err, "banyan: 2 events were removed by retention before their turn\n")
	r.sees(r.err, "banyan: 1 failed and are dead letters")
}

func TestEventsPauseAndResume(t *testing.T) {
	r := newRun(t, true)
	for word, paused := range map[string]bool{"pause": true, "resume": false} {
		r.start("events", word, "order.placed", "user")
		r.exits(exitOK)
		if req := called[*banyanv1.SetSubscriptionRequest](r); req.GetPaused() != paused || req.GetService() != "user" || req.GetTopic() != "order.placed" {
			t.Errorf("%s asked for %v", word, req)
		}
	}
	r.sees(r.out, "deliveries of order.placed to user are paused\n")
	r.sees(r.out, "deliveries of order.placed to user are active\n")
}

func TestCompletionOfTopics(t *testing.T) {
	for _, serving := range []bool{true, false} {
		for args, want := range map[string][]string{
			"tail": {"order.placed"}, "pause order.placed": {"user"}, "pause stock.low": nil, "replay order.placed --to": {"user"}, "dead order.placed": nil,
		} {
			r := newRun(t, serving)
			r.d.bus.topics = publishing()
			r.write("banyan.yaml", `name: shop
services:
  order: {command: ./order, sources: [src], publishes: [order.placed]}
  user: {command: ./user, sources: [src], subscribes: {order.placed: /events}}
`)
			r.start(append(append([]string{"__complete", "events"}, strings.Fields(args)...), "")...)
			r.exits(exitOK)
			lines := strings.Split(r.out.String(), "\n")
			got := lines[:slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, ":") })]
			if !slices.Equal(got, want) {
				t.Errorf("running %v, %s: %q, want %q", serving, args, got, want)
			}
		}
	}
}
