package admin

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/fault"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
	"github.com/banyanrun/banyan/proto/banyan/v1/banyanv1connect"
)

// fakeBus is an Events that remembers what it was asked.
type fakeBus struct {
	asked     []any
	published []cloudevent.Event
	kept      []string // sequences
	err       error
}

var at = time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)

func event(sequence string) StoredEvent {
	return StoredEvent{
		Sequence: sequence, Time: at,
		Event: cloudevent.Event{Attrs: []cloudevent.Attr{{Name: "id", Value: "e" + sequence}}, Data: []byte("d")},
	}
}

func (b *fakeBus) Topics(context.Context) (Topics, error) {
	return Topics{
		Since: at, Taken: at.Add(time.Second),
		Topics: []Topic{{
			Name: "t", State: banyanv1.TopicState_TOPIC_STATE_STOPPED, Reason: "r", Events: 1, Bytes: 2, Oldest: at, Delayed: 3,
			Published: 4, Duplicates: 5, Refused: 6,
			Subscriptions: []Subscription{{
				Service: "s", State: banyanv1.SubscriptionState_SUBSCRIPTION_STATE_GONE, Reason: "w", Until: at, Lag: 1, Oldest: at,
				InFlight: 2, Retrying: 3, Dead: 4, Delivered: 5, Failed: 6, Lost: 7,
			}},
		}},
		Outboxes: []Outbox{{Service: "o", Waiting: 1, Refused: 2, Reason: "x"}},
	}, b.err
}

func (b *fakeBus) Tail(ctx context.Context, topic, from string, follow bool, show func(StoredEvent) error) error {
	b.asked = []any{topic, from, follow}
	for _, sequence := range b.kept {
		if err := show(event(sequence)); err != nil {
			return err
		}
	}
	return b.err
}

func (b *fakeBus) Publish(_ context.Context, topic string, events []cloudevent.Event) ([]Published, error) {
	b.asked, b.published = []any{topic}, events
	return []Published{{ID: "i", Source: "s", Sequence: "9", Duplicate: true}, {ID: "j", Scheduled: at}}, b.err
}

func (b *fakeBus) Dead(_ context.Context, topic, service string, after int64) ([]DeadLetter, error) {
	b.asked = []any{topic, service, after}
	return []DeadLetter{{ID: 12, Service: "s", Event: event("3"), Attempts: 16, First: at, Last: at, Status: 500, Error: "e", Response: []byte("r")}}, b.err
}

func (b *fakeBus) Redrive(_ context.Context, topic, service string, id int64) (Report, error) {
	b.asked = []any{topic, service, id}
	return Report{Delivered: 1, Failed: 2}, b.err
}

func (b *fakeBus) Replay(_ context.Context, topic, service, from, until string) (Report, error) {
	b.asked = []any{topic, service, from, until}
	return Report{Delivered: 1, Failed: 2, Lost: 3}, b.err
}

func (b *fakeBus) Delayed(_ context.Context, topic string, after int64) ([]DelayedEvent, error) {
	b.asked = []any{topic, after}
	return []DelayedEvent{{ID: 12, Due: at, Event: event("3").Event}}, b.err
}

func (b *fakeBus) Drop(_ context.Context, topic, service string, delayed bool, id int64) (int64, error) {
	b.asked = []any{topic, service, delayed, id}
	return 5, b.err
}

func (b *fakeBus) repair(asked ...any) (Repair, error) {
	b.asked = asked
	return Repair{Count: 2, First: "3", Last: "4", Where: "w", Moved: "m", Missed: map[string]uint64{"s": 1}, Left: "l"}, b.err
}

func (b *fakeBus) Damage(_ context.Context, topic string) (Repair, error) {
	return b.repair("damage", topic)
}

func (b *fakeBus) Skip(_ context.Context, topic string, count uint64) (Repair, error) {
	return b.repair("skip", topic, count)
}

func (b *fakeBus) BeginAnew(_ context.Context, topic string) (Repair, error) {
	return b.repair("anew", topic)
}

func (b *fakeBus) Pause(_ context.Context, topic, service string) error {
	b.asked = []any{"pause", topic, service}
	return b.err
}

func (b *fakeBus) Resume(_ context.Context, topic, service string) error {
	b.asked = []any{"resume", topic, service}
	return b.err
}

// engine has nothing but a bus.
type engine struct {
	Engine

	bus Events
	err error
}

func (e engine) Events() (Events, error) { return e.bus, e.err }

// serve returns a client of the API over a socket, as the CLI has.
func serve(t *testing.T, e Engine) banyanv1connect.ControlServiceClient {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(banyanv1connect.NewControlServiceHandler(&handler{engine: e}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // it ends with Close
	}()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close() // nothing is left to answer
		<-done
	})
	return banyanv1connect.NewControlServiceClient(&http.Client{Transport: transport}, "http://banyan")
}

func (b *fakeBus) wasAsked(t *testing.T, want ...any) {
	t.Helper()
	if !slices.Equal(b.asked, want) {
		t.Errorf("the bus was asked %v, want %v", b.asked, want)
	}
}

func is(t *testing.T, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func TestListTopics(t *testing.T) {
	got, err := serve(t, engine{bus: &fakeBus{}}).ListTopics(t.Context(), &banyanv1.ListTopicsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	second := got.GetTime().GetSeconds() - got.GetSince().GetSeconds()
	topic, box := got.GetTopics()[0], got.GetOutboxes()[0]
	sub := topic.GetSubscriptions()[0]
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"time", second, int64(1)},
		{"name", topic.GetName(), "t"},
		{"state", topic.GetState(), banyanv1.TopicState_TOPIC_STATE_STOPPED},
		{"reason", topic.GetReason(), "r"},
		{"events", topic.GetEvents(), uint64(1)},
		{"bytes", topic.GetBytes(), int64(2)},
		{"oldest", topic.GetOldest().AsTime(), at},
		{"delayed", topic.GetDelayed(), int64(3)},
		{"published", topic.GetPublished(), int64(4)},
		{"duplicates", topic.GetDuplicates(), int64(5)},
		{"refused", topic.GetRefused(), int64(6)},
		{"service", sub.GetService(), "s"},
		{"state of the subscription", sub.GetState(), banyanv1.SubscriptionState_SUBSCRIPTION_STATE_GONE},
		{"its reason", sub.GetReason(), "w"},
		{"until", sub.GetUntil().AsTime(), at},
		{"lag", sub.GetLag(), uint64(1)},
		{"oldest that waits", sub.GetOldest().AsTime(), at},
		{"in flight", sub.GetInFlight(), int64(2)},
		{"retrying", sub.GetRetrying(), int64(3)},
		{"dead", sub.GetDead(), int64(4)},
		{"delivered", sub.GetDelivered(), int64(5)},
		{"failed", sub.GetFailed(), int64(6)},
		{"lost", sub.GetLost(), int64(7)},
		{"outbox", box.GetService(), "o"},
		{"rows", box.GetWaiting(), int64(1)},
		{"refused rows", box.GetRefused(), int64(2)},
		{"outbox's reason", box.GetReason(), "x"},
	} {
		is(t, c.what, c.got, c.want)
	}
}

func TestTailEvents(t *testing.T) {
	b := &fakeBus{kept: []string{"1", "2"}, err: fault.New(fault.NotFound, "no topic")}
	client := serve(t, engine{bus: b})
	stream, err := client.TailEvents(t.Context(), &banyanv1.TailEventsRequest{Topic: "t", Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for stream.Receive() {
		e := stream.Msg().GetEvent()
		got = append(got, e.GetSequence()+" "+e.GetEvent().GetAttributes()["id"]+" "+string(e.GetEvent().GetData()))
	}
	if !slices.Equal(got, []string{"1 e1 d", "2 e2 d"}) {
		t.Errorf("got %q", got)
	}
	if err := stream.Err(); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("it ended with %v", err)
	}
	b.wasAsked(t, "t", "all", true)
}

func TestPublishEvents(t *testing.T) {
	b := &fakeBus{}
	got, err := serve(t, engine{bus: b}).PublishEvents(t.Context(), &banyanv1.PublishEventsRequest{
		Topic: "t", Events: []*banyanv1.Event{{Attributes: map[string]string{"subject": "x", "id": "i"}, Data: []byte("d")}, {}},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.wasAsked(t, "t")
	if len(b.published) != 2 || !slices.Equal(b.published[0].Attrs, []cloudevent.Attr{{Name: "id", Value: "i"}, {Name: "subject", Value: "x"}}) ||
		string(b.published[0].Data) != "d" {
		t.Errorf("published %v", b.published)
	}
	first, second := got.GetEvents()[0], got.GetEvents()[1]
	if first.GetId() != "i" || first.GetSource() != "s" || first.GetSequence() != "9" || !first.GetDuplicate() || first.GetScheduled() != nil ||
		!second.GetScheduled().AsTime().Equal(at) {
		t.Errorf("%v", got)
	}
}

func TestDeadLetters(t *testing.T) {
	b := &fakeBus{}
	client := serve(t, engine{bus: b})
	got, err := client.ListDead(t.Context(), &banyanv1.ListDeadRequest{Topic: "t", Service: "s", After: 11})
	if err != nil {
		t.Fatal(err)
	}
	b.wasAsked(t, "t", "s", int64(11))
	d := got.GetDead()[0]
	if d.GetId() != 12 || d.GetService() != "s" || d.GetEvent().GetSequence() != "3" || d.GetAttempts() != 16 || d.GetStatus() != 500 ||
		d.GetError() != "e" || string(d.GetResponse()) != "r" || !d.GetFirst().AsTime().Equal(at) || !d.GetLast().AsTime().Equal(at) {
		t.Errorf("%v", d)
	}
	redriven, err := client.Redrive(t.Context(), &banyanv1.RedriveRequest{Topic: "t", Service: "s", Id: 12})
	if err != nil || redriven.GetDelivered() != 1 || redriven.GetFailed() != 2 {
		t.Errorf("%v, %v", redriven, err)
	}
	b.wasAsked(t, "t", "s", int64(12))
}

func TestReplayAndPause(t *testing.T) {
	b := &fakeBus{}
	client := serve(t, engine{bus: b})
	got, err := client.Replay(t.Context(), &banyanv1.ReplayRequest{Topic: "t", Service: "s", From: "1", Until: "2"})
	if err != nil || got.GetDelivered() != 1 || got.GetFailed() != 2 || got.GetLost() != 3 {
		t.Errorf("%v, %v", got, err)
	}
	b.wasAsked(t, "t", "s", "1", "2")
	for word, paused := range map[string]bool{"pause": true, "resume": false} {
		if _, err := client.SetSubscription(t.Context(), &banyanv1.SetSubscriptionRequest{Topic: "t", Service: "s", Paused: paused}); err != nil {
			t.Error(err)
		}
		b.wasAsked(t, word, "t", "s")
	}
}

// TestEventsRefused: each call answers what the bus says, or why there is none.
func TestEventsRefused(t *testing.T) {
	for name, e := range map[string]engine{
		"a refusal": {bus: &fakeBus{err: fault.New(fault.Damaged, "it is broken").Fix("mend it")}},
		"no bus":    {err: fault.New(fault.Damaged, "it is broken").Fix("mend it")},
	} {
		t.Run(name, func(t *testing.T) {
			client, ctx := serve(t, e), t.Context()
			_, topics := client.ListTopics(ctx, &banyanv1.ListTopicsRequest{})
			_, publish := client.PublishEvents(ctx, &banyanv1.PublishEventsRequest{})
			_, dead := client.ListDead(ctx, &banyanv1.ListDeadRequest{})
			_, redrive := client.Redrive(ctx, &banyanv1.RedriveRequest{})
			_, replay := client.Replay(ctx, &banyanv1.ReplayRequest{})
			_, set := client.SetSubscription(ctx, &banyanv1.SetSubscriptionRequest{})
			stream, tail := client.TailEvents(ctx, &banyanv1.TailEventsRequest{})
			if tail != nil || stream.Receive() {
				t.Errorf("the tail has %v, %v", stream.Msg(), tail)
			}
			for i, err := range []error{topics, publish, dead, redrive, replay, set, stream.Err()} {
				wire, ok := errors.AsType[*connect.Error](err)
				if !ok || errors.Is(err, io.EOF) || wire.Code() != connect.CodeDataLoss || wire.Message() != "it is broken; mend it" {
					t.Errorf("call %d: %v", i, err)
				}
			}
		})
	}
}
