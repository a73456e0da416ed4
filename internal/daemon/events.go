package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/admin"
	"github.com/banyanrun/banyan/internal/bus"
	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/progress"
	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/outbox"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// Events implements admin.Engine.
func (d *daemon) Events() (admin.Events, error) {
	b := d.broker.Load()
	if b == nil {
		d.applying.Lock()
		defer d.applying.Unlock()
		if d.brokerErr != nil {
			return nil, d.brokerErr
		}
		return nil, fault.New(fault.NotFound, "the app has no topics").Fix("name one under `publishes` of a service in the app file")
	}
	return &events{bus: b.bus, started: b.since, outboxes: b.outboxes.stats, room: d.telemetry}, nil
}

// events is what the control API sees of the bus.
type events struct {
	bus     *bus.Bus
	started time.Time
	// outboxes says how the relays are, by service; nil: there are none.
	outboxes func() []outbox.Stat
	room     *telemetryRoom
}

var _ admin.Events = (*events)(nil)

// deadPage is how many dead letters are returned at a time: their events are up to 1 MiB each.
const deadPage = 50

// Topics implements admin.Events.
func (e *events) Topics(ctx context.Context) (admin.Topics, error) {
	stats, err := e.bus.Topics(ctx)
	if err != nil {
		return admin.Topics{}, err
	}
	all := admin.Topics{Since: e.started, Taken: time.Now()}
	for i := range stats {
		t := topicOf(&stats[i])
		if t.Oldest, err = e.oldest(ctx, &stats[i]); err != nil {
			return admin.Topics{}, err
		}
		all.Topics = append(all.Topics, t)
	}
	if e.outboxes != nil {
		for _, s := range e.outboxes() {
			all.Outboxes = append(all.Outboxes, outboxOf(&s))
		}
	}
	return all, nil
}

// oldest returns when the oldest event that is kept was published.
func (e *events) oldest(ctx context.Context, t *bus.TopicStat) (time.Time, error) {
	var oldest time.Time
	if t.Events == 0 {
		return oldest, nil
	}
	enough := errors.New("that is the one")
	err := e.bus.Tail(ctx, t.Name, "all", false, func(first bus.Tailed) error {
		oldest = first.Accepted
		return enough
	})
	if err != nil && ctx.Err() != nil {
		return oldest, ctx.Err()
	}
	return oldest, nil // a topic that cannot be read says so by its state
}

var topicStates = map[engine.Health]banyanv1.TopicState{
	engine.OK: banyanv1.TopicState_TOPIC_STATE_OK, engine.Degraded: banyanv1.TopicState_TOPIC_STATE_DEGRADED,
	engine.Stopped: banyanv1.TopicState_TOPIC_STATE_STOPPED,
}

// subscriptionStates are those of bus.SubscriptionStat.
var subscriptionStates = map[string]banyanv1.SubscriptionState{
	"active": banyanv1.SubscriptionState_SUBSCRIPTION_STATE_ACTIVE, "paused": banyanv1.SubscriptionState_SUBSCRIPTION_STATE_PAUSED,
	"gone": banyanv1.SubscriptionState_SUBSCRIPTION_STATE_GONE, "orphaned": banyanv1.SubscriptionState_SUBSCRIPTION_STATE_ORPHANED,
	"blocked-keys": banyanv1.SubscriptionState_SUBSCRIPTION_STATE_BLOCKED, "probing": banyanv1.SubscriptionState_SUBSCRIPTION_STATE_UNREACHABLE,
	"held": banyanv1.SubscriptionState_SUBSCRIPTION_STATE_WAITING, "waiting": banyanv1.SubscriptionState_SUBSCRIPTION_STATE_STOPPED,
}

func topicOf(t *bus.TopicStat) admin.Topic {
	to := admin.Topic{
		Name: t.Name, State: topicStates[t.Health], Reason: t.Why, Events: t.Events, Bytes: t.Bytes, Delayed: t.Delayed,
		Published: t.Published, Duplicates: t.Duplicates, Refused: t.Refused,
	}
	for _, s := range t.Subscriptions {
		to.Subscriptions = append(to.Subscriptions, admin.Subscription{
			Service: s.Service, State: subscriptionStates[s.State], Reason: s.Why, Until: s.Until, Lag: s.Lag, Oldest: s.Oldest,
			InFlight: s.Busy, Retrying: s.Retrying, Dead: s.Dead, Delivered: s.Delivered, Failed: s.Failed, Lost: s.Lost,
		})
	}
	return to
}

func outboxOf(s *outbox.Stat) admin.Outbox {
	to := admin.Outbox{Service: s.Service, Waiting: s.Waiting, Refused: s.Refused}
	switch {
	case s.Trouble != nil:
		to.Reason = s.Trouble.Error()
	case len(s.Held) > 0:
		to.Reason = "topic " + s.Held[0].Topic + " takes no events: " + s.Held[0].Why.Error()
	}
	return to
}

// Tail implements admin.Events.
func (e *events) Tail(ctx context.Context, topic, from string, follow bool, show func(admin.StoredEvent) error) error {
	if _, err := e.known(ctx, topic, ""); err != nil {
		return err
	}
	if from == "new" {
		from = ""
	}
	return e.bus.Tail(ctx, topic, from, follow, func(t bus.Tailed) error {
		return show(admin.StoredEvent{Sequence: t.Sequence, Time: t.Accepted, Event: t.Event})
	})
}

// Publish implements admin.Events.
func (e *events) Publish(ctx context.Context, topic string, batch []cloudevent.Event) ([]admin.Published, error) {
	if _, err := e.known(ctx, topic, ""); err != nil {
		return nil, err
	}
	seen := e.room.publishing("", topic, batch, false) // by a person
	results, err := e.bus.Publish(ctx, bus.Platform, topic, seen.events)
	seen.end(func(int) error { return err })
	if err != nil {
		return nil, err
	}
	all := make([]admin.Published, len(results))
	for i, r := range results {
		all[i] = admin.Published{ID: r.ID, Source: r.Source, Sequence: r.Sequence, Duplicate: r.Duplicate, Scheduled: r.Scheduled}
	}
	return all, nil
}

// Dead implements admin.Events.
func (e *events) Dead(ctx context.Context, topic, service string, after int64) ([]admin.DeadLetter, error) {
	if _, err := e.known(ctx, topic, service); err != nil {
		return nil, err
	}
	letters, err := e.bus.ListDead(ctx, topic, service, after, deadPage)
	if err != nil {
		return nil, err
	}
	all := make([]admin.DeadLetter, len(letters))
	for i := range letters {
		all[i] = deadLetter(&letters[i])
	}
	return all, nil
}

func deadLetter(d *progress.Dead) admin.DeadLetter {
	stored := bus.Show(&d.Event)
	return admin.DeadLetter{
		ID: d.N, Service: d.Service, Event: admin.StoredEvent{Sequence: stored.Sequence, Time: stored.Accepted, Event: stored.Event},
		Attempts: d.Attempts, First: d.First, Last: d.Last, Status: d.Status, Error: d.Error, Response: d.Response,
	}
}

// Redrive implements admin.Events.
func (e *events) Redrive(ctx context.Context, topic, service string, id int64) (admin.Report, error) {
	t, err := e.known(ctx, topic, service)
	if err != nil {
		return admin.Report{}, err
	}
	var ids []int64
	if id != 0 {
		letters, err := e.bus.ListDead(ctx, topic, service, id-1, 1)
		if err != nil {
			return admin.Report{}, err
		}
		if len(letters) == 0 || letters[0].N != id {
			return admin.Report{}, fault.New(fault.NotFound, "topic %s has no dead letter %d", topic, id).Fix("`banyan events dead %s` lists those there are", topic)
		}
		ids, service = []int64{id}, letters[0].Service
	}
	var all admin.Report
	for _, s := range t.Subscriptions {
		if s.Dead == 0 || s.Service != service && (service != "" || s.State == "orphaned" || s.State == "paused") {
			continue
		}
		done, err := e.bus.Redrive(ctx, topic, s.Service, ids)
		if err != nil {
			return all, err
		}
		all.Delivered += done.Delivered
		all.Failed += done.Failed
	}
	return all, nil
}

// Replay implements admin.Events.
func (e *events) Replay(ctx context.Context, topic, service, from, until string) (admin.Report, error) {
	if _, err := e.known(ctx, topic, service); err != nil {
		return admin.Report{}, err
	}
	switch from {
	case "":
		return admin.Report{}, fault.New(fault.Invalid, "where the replay begins is missing").Fix("write all, a sequence, or a time as 2026-01-31T12:00:00Z")
	case "all":
		from = ""
	}
	done, err := e.bus.Replay(ctx, topic, service, from, until)
	return admin.Report{Delivered: done.Delivered, Failed: done.Failed, Lost: done.Lost}, err
}

// Pause implements admin.Events.
func (e *events) Pause(ctx context.Context, topic, service string) error {
	if _, err := e.known(ctx, topic, service); err != nil {
		return err
	}
	return e.bus.Pause(ctx, topic, service)
}

// Resume implements admin.Events.
func (e *events) Resume(ctx context.Context, topic, service string) error {
	if _, err := e.known(ctx, topic, service); err != nil {
		return err
	}
	return e.bus.Resume(ctx, topic, service)
}

// known returns a topic that has a subscription of service, or any if that is empty.
// Where there is none, the error says what there is.
func (e *events) known(ctx context.Context, topic, service string) (*bus.TopicStat, error) {
	stats, err := e.bus.Topics(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range stats {
		if stats[i].Name == topic {
			return &stats[i], subscribes(&stats[i], service)
		}
		names = append(names, stats[i].Name)
	}
	return nil, fault.New(fault.NotFound, "there is no topic %s", topic).Fix("%s", appfile.Suggest(topic, names, "topics"))
}

func subscribes(t *bus.TopicStat, service string) error {
	if service == "" {
		return nil
	}
	var names []string
	for _, s := range t.Subscriptions {
		if s.Service == service {
			return nil
		}
		names = append(names, s.Service)
	}
	if len(names) == 0 {
		return fault.New(fault.NotFound, "no service subscribes to topic %s", t.Name)
	}
	return fault.New(fault.NotFound, "service %s does not subscribe to topic %s", service, t.Name).
		Fix("%s", appfile.Suggest(service, names, "its subscribers"))
}
