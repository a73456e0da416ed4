package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/admin"
	"github.com/banyanrun/banyan/internal/bus"
	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/daemon/layout"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/outbox"
	"github.com/banyanrun/banyan/internal/route"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// mail is a subscriber: while it is broken, it answers 500.
type mail struct {
	broken atomic.Bool
	got    atomic.Int64
}

func (m *mail) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if m.broken.Load() {
		http.Error(w, "no such order", http.StatusInternalServerError)
		return
	}
	m.got.Add(1)
}

// newEvents returns a bus that runs, with topics order.placed, to which mail
// subscribes and tries once, and stock.low, to which nobody does.
func newEvents(t *testing.T) (*events, *mail) {
	t.Helper()
	m := &mail{}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	d := &daemon{background: t.Context(), log: slog.New(slog.DiscardHandler), layout: layout.Layout{Bus: t.TempDir()}, effects: &effects{}}
	d.telemetry = d.newTelemetry()
	d.effects.current.Store(&applied{addrs: map[string]string{
		route.EdgeID(route.Platform, "mail"): strings.TrimPrefix(server.URL, "http://"),
	}})
	b, err := d.openBroker(t.Context(), &model.App{Bus: &appfile.Bus{Engine: appfile.EngineEmbedded}})
	if err != nil {
		t.Fatal(err)
	}
	err = b.bus.Configure(t.Context(), bus.Spec{
		Topics: map[string]bus.Topic{"order.placed": {Key: "subject", MaxEvent: 1 << 10}, "stock.low": {MaxEvent: 1 << 10}},
		Subscriptions: []bus.Subscription{{
			Topic: "order.placed", Service: "mail", Path: "/in", From: "new", Concurrency: 1, Timeout: 10 * time.Second, MaxAttempts: 1,
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.bus.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, b.close()); err != nil {
			t.Error(err)
		}
	})
	return &events{bus: b.bus, started: b.since, room: d.telemetry}, m
}

func (e *events) publishOne(t *testing.T) admin.Published {
	t.Helper()
	done, err := e.Publish(t.Context(), "order.placed", []cloudevent.Event{{Data: []byte("x")}})
	if err != nil || len(done) != 1 {
		t.Fatal(done, err)
	}
	return done[0]
}

// settle waits until the subscription has done what there is, and says how the topic is then.
func (e *events) settle(t *testing.T) admin.Topic {
	t.Helper()
	for done := false; ; {
		all, err := e.Topics(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		topic := all.Topics[0]
		if done { // dead letters are counted before what is open
			return topic
		}
		done = topic.Subscriptions[0].Lag == 0
		select { // nobody tells of it
		case <-time.After(time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("the events are not done")
		}
	}
}

func TestEvents(t *testing.T) {
	e, m := newEvents(t)
	m.broken.Store(true)
	done := e.publishOne(t)
	if done.ID == "" || done.Source != "/services/banyan" || done.Sequence != "1" {
		t.Errorf("published %+v", done)
	}
	topic := e.settle(t)
	sub := topic.Subscriptions[0]
	if topic.Name != "order.placed" || topic.State != banyanv1.TopicState_TOPIC_STATE_OK || topic.Events != 1 || topic.Published != 1 ||
		topic.Bytes == 0 || time.Since(topic.Oldest) > time.Hour {
		t.Errorf("the topic is %+v", topic)
	}
	if sub.Service != "mail" || sub.State != banyanv1.SubscriptionState_SUBSCRIPTION_STATE_ACTIVE || sub.Dead != 1 || sub.Failed != 1 || sub.Delivered != 0 {
		t.Errorf("the subscription is %+v", sub)
	}
	var shown []string
	err := e.Tail(t.Context(), "order.placed", "all", false, func(s admin.StoredEvent) error {
		shown = append(shown, s.Sequence+" "+string(s.Event.Data))
		return nil
	})
	if err != nil || len(shown) != 1 || shown[0] != "1 x" {
		t.Errorf("shown %q, %v", shown, err)
	}
	if err := e.Tail(t.Context(), "order.placed", "new", false, func(s admin.StoredEvent) error { return errors.New(s.Sequence) }); err != nil {
		t.Errorf("new begins before %v", err)
	}
}

func TestEventsDeadLetters(t *testing.T) {
	e, m := newEvents(t)
	m.broken.Store(true)
	e.publishOne(t)
	e.publishOne(t)
	e.settle(t)
	dead, err := e.Dead(t.Context(), "order.placed", "", 0)
	if err != nil || len(dead) != 2 {
		t.Fatal(dead, err)
	}
	if d := dead[0]; d.Service != "mail" || d.Event.Sequence != "1" || d.Attempts != 1 || d.Status != 500 ||
		string(d.Response) != "no such order\n" || string(d.Event.Event.Data) != "x" {
		t.Errorf("%+v", d)
	}
	if done, err := e.Redrive(t.Context(), "order.placed", "", 0); err != nil || done != (admin.Report{Failed: 2}) {
		t.Errorf("in vain: %+v, %v", done, err)
	}
	m.broken.Store(false)
	if done, err := e.Redrive(t.Context(), "order.placed", "", dead[1].ID); err != nil || done != (admin.Report{Delivered: 1}) {
		t.Errorf("one: %+v, %v", done, err)
	}
	if _, err := e.Redrive(t.Context(), "order.placed", "", dead[1].ID); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("the same again: %v", err)
	}
	if left, err := e.Dead(t.Context(), "order.placed", "mail", 0); err != nil || len(left) != 1 || left[0].ID != dead[0].ID || left[0].Attempts != 2 {
		t.Errorf("left: %+v, %v", left, err)
	}
	if done, err := e.Redrive(t.Context(), "order.placed", "mail", 0); err != nil || done != (admin.Report{Delivered: 1}) {
		t.Errorf("the rest: %+v, %v", done, err)
	}
	if got := m.got.Load(); got != 2 {
		t.Errorf("mail got %d", got)
	}
}

func TestEventsReplayAndPause(t *testing.T) {
	e, m := newEvents(t)
	if err := e.Pause(t.Context(), "order.placed", "mail"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		e.publishOne(t)
	}
	all, err := e.Topics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if sub := all.Topics[0].Subscriptions[0]; sub.State != banyanv1.SubscriptionState_SUBSCRIPTION_STATE_PAUSED || sub.Reason == "" || sub.Lag != 3 {
		t.Errorf("paused it is %+v", sub)
	}
	if err := e.Resume(t.Context(), "order.placed", "mail"); err != nil {
		t.Fatal(err)
	}
	e.settle(t)
	if done, err := e.Replay(t.Context(), "order.placed", "mail", "2", ""); err != nil || done != (admin.Report{Delivered: 2}) {
		t.Errorf("replayed %+v, %v", done, err)
	}
	if done, err := e.Replay(t.Context(), "order.placed", "mail", "all", "1"); err != nil || done != (admin.Report{Delivered: 1}) {
		t.Errorf("replayed %+v, %v", done, err)
	}
	if got := m.got.Load(); got != 6 {
		t.Errorf("mail got %d", got)
	}
}

func TestEventsUnknown(t *testing.T) {
	e, _ := newEvents(t)
	ctx := t.Context()
	call := func(topic, service string) []error {
		_, dead := e.Dead(ctx, topic, service, 0)
		_, redrive := e.Redrive(ctx, topic, service, 0)
		_, replay := e.Replay(ctx, topic, service, "all", "")
		return []error{dead, redrive, replay, e.Pause(ctx, topic, service), e.Resume(ctx, topic, service)}
	}
	_, publish := e.Publish(ctx, "order.palced", nil)
	tail := e.Tail(ctx, "order.palced", "all", false, nil)
	for want, errs := range map[string][]error{
		"there is no topic order.palced; did you mean order.placed?":                     append(call("order.palced", "mail"), publish, tail),
		"there is no topic payment; topics are order.placed, stock.low":                  call("payment", "mail"),
		"service mial does not subscribe to topic order.placed; did you mean mail?":      call("order.placed", "mial"),
		"service web does not subscribe to topic order.placed; its subscribers are mail": call("order.placed", "web"),
		"no service subscribes to topic stock.low":                                       call("stock.low", "mail"),
	} {
		for i, err := range errs {
			if err == nil || err.Error() != want || fault.CodeOf(err) != fault.NotFound {
				t.Errorf("call %d: %v, want %s", i, err, want)
			}
		}
	}
	if _, err := e.Replay(ctx, "order.placed", "mail", "", ""); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("a replay from nowhere: %v", err)
	}
}

func TestOutboxOf(t *testing.T) {
	for want, stat := range map[string]outbox.Stat{
		"":              {},
		"no such table": {Trouble: errors.New("no such table")},
		"topic t takes no events: the disk is full": {Held: []outbox.Held{{Topic: "t", Why: errors.New("the disk is full")}}},
	} {
		stat.Service, stat.Waiting, stat.Refused = "order", 3, 2
		if got := outboxOf(&stat); got != (admin.Outbox{Service: "order", Waiting: 3, Refused: 2, Reason: want}) {
			t.Errorf("%+v, want %s", got, want)
		}
	}
}
