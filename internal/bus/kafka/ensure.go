package kafka

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/fault"
)

// enough is how many copies a topic gets where there are as many brokers.
const enough = 3

// Ensure implements engine.Engine. A Kafka topic that is there already may have
// what replicas, placement and segments it likes; what would lose events or change
// them is refused as fault.Conflict.
func (e *Engine) Ensure(ctx context.Context, topics []engine.Topic) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, want := range topics {
		t, err := e.topic(want)
		if err == nil {
			err = t.ensure(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// topic returns the topic with new settings.
func (e *Engine) topic(want engine.Topic) (*topic, error) {
	t, err := e.topics.Get(want.Name, func() *topic { return &topic{e: e, name: "banyan." + e.app + "." + want.Name} })
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.want = want
	for _, k := range want.Known {
		if k.Partition == 0 {
			t.seen = max(t.seen, k.Offset)
		}
	}
	return t, nil
}

// ensure makes the Kafka topic, or looks at the one there is. One that held
// something is not made anew.
func (t *topic) ensure(ctx context.Context) error {
	bound, cancel := t.e.within(ctx)
	defer cancel()
	meta, err := t.e.admin.Metadata(bound, t.name)
	if err != nil {
		return t.failed(ctx, err)
	}
	detail := meta.Topics[t.name]
	if missing(detail.Err) {
		return t.create(ctx, len(meta.Brokers))
	}
	if detail.Err != nil {
		return t.failed(ctx, detail.Err)
	}
	if err := t.check(bound, detail); err != nil {
		return t.refused(ctx, err)
	}
	return t.measure(ctx)
}

// refused lets refusals of ours pass.
func (t *topic) refused(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	return t.failed(ctx, err)
}

// create makes the Kafka topic, unless it was there once.
func (t *topic) create(ctx context.Context, brokers int) error {
	t.mu.Lock()
	seen := t.seen
	t.mu.Unlock()
	if seen > 0 {
		_ = t.lose(damaged(t.where(), "it was removed"))
		return nil
	}
	copies := min(enough, brokers)
	if copies < 2 && !t.e.oneCopy {
		return t.oneCopy("the cluster has one broker")
	}
	configs := map[string]*string{
		"cleanup.policy": new("delete"), "retention.ms": new("-1"), "retention.bytes": new("-1"),
		"max.message.bytes": new(strconv.Itoa(largest)), "message.timestamp.type": new("CreateTime"),
		"unclean.leader.election.enable": new("false"), "min.insync.replicas": new(strconv.Itoa(min(2, copies))),
	}
	bound, cancel := t.e.within(ctx)
	defer cancel()
	_, err := t.e.admin.CreateTopic(bound, 1, int16(copies), configs, t.name)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) { // by another Ensure, a moment ago
		return t.failed(ctx, err)
	}
	if err := t.appear(ctx); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sizes.begin(0, 0, 0)
	return nil
}

// appear waits until a new topic has a leader: it is made before all brokers know.
func (t *topic) appear(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		if _, err := t.offset(ctx, latest); err == nil || attempt == attempts {
			return err
		}
		if err := rest(ctx); err != nil {
			return err
		}
	}
}

func (t *topic) oneCopy(why string) error {
	return fault.New(fault.Conflict, "an event is acknowledged when one broker has it, and lost with that broker: %s", why).At(t.where()).
		Fix("give it 3 replicas with min.insync.replicas=2, or write bus: {accept: [one-copy]} if that may be")
}

// rules are what the configuration of a topic must be for events to be kept, and
// to come in order and as they were.
var rules = []struct {
	key, want, why string
	ok             func(value string) bool
}{
	{"cleanup.policy", "delete", "events of equal keys would be removed", is("delete")},
	{"retention.ms", "-1", "events would be removed that subscriptions need; Banyan removes what the topic's retention says", is("-1")},
	{"retention.bytes", "-1", "events would be removed that subscriptions need; Banyan removes what the topic's retention says", is("-1")},
	{"unclean.leader.election.enable", "false", "a broker that missed events could become the leader", is("false")},
	{"message.timestamp.type", "CreateTime", "events could not be found by their time", is("CreateTime")},
	{"max.message.bytes", strconv.Itoa(largest), "large events would be refused", atLeast(largest)},
}

func is(want string) func(string) bool { return func(value string) bool { return value == want } }

func atLeast(want int) func(string) bool {
	return func(value string) bool {
		n, err := strconv.Atoi(strings.TrimSpace(value))
		return err == nil && n >= want
	}
}

// check refuses a topic that would lose events or change their order.
func (t *topic) check(ctx context.Context, detail kadm.TopicDetail) error {
	if n := len(detail.Partitions); n != 1 {
		return fault.New(fault.Conflict, "it has %d partitions, and events of a key keep their order in one", n).At(t.where()).
			Fix("make it anew with one partition, or let Banyan make it")
	}
	answers, err := t.e.admin.DescribeTopicConfigs(ctx, t.name)
	if err != nil {
		return err
	}
	answer, err := answers.On(t.name, nil)
	if err = errors.Join(err, answer.Err); err != nil {
		return err
	}
	have := map[string]string{}
	for _, c := range answer.Configs {
		have[c.Key] = c.MaybeValue()
	}
	for _, r := range rules {
		if value := have[r.key]; !r.ok(value) {
			return fault.New(fault.Conflict, "%s is %q: %s", r.key, value, r.why).At(t.where()).Fix("set %s=%s", r.key, r.want)
		}
	}
	if t.e.oneCopy {
		return nil
	}
	if n := len(detail.Partitions[0].Replicas); n < 2 {
		return t.oneCopy("the topic has one replica")
	}
	if !atLeast(2)(have["min.insync.replicas"]) {
		return t.oneCopy("min.insync.replicas is " + have["min.insync.replicas"])
	}
	return nil
}

// measure learns how large the topic is, once. What Kafka says includes records
// that are removed, but for their place on the disk.
func (t *topic) measure(ctx context.Context) error {
	have, err := t.kept(ctx)
	if err != nil {
		return err
	}
	t.mu.Lock()
	measured := len(t.sizes.marks) > 0
	t.mu.Unlock()
	if measured {
		return nil
	}
	bound, cancel := t.e.within(ctx)
	defer cancel()
	dirs, err := t.e.admin.DescribeAllLogDirs(bound, kadm.TopicsSet{t.name: {0: {}}})
	if err != nil {
		return t.failed(ctx, err)
	}
	bytes := int64(0)
	for _, broker := range dirs {
		for _, d := range broker {
			if d.Err != nil {
				return t.failed(ctx, d.Err)
			}
			if p, ok := d.Topics.Lookup(t.name, 0); ok && !p.IsFuture {
				bytes = max(bytes, p.Size)
			}
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sizes.begin(have.Start.Offset, have.End.Offset, bytes)
	return nil
}
