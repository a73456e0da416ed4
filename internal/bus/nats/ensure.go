package nats

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/fault"
)

// oldest is the first version that has what is used here.
const oldest = "2.10"

// Ensure implements engine.Engine. A stream that is there already may have what
// replicas, placement and compression it likes; whatever would lose events or
// change them is refused as fault.Conflict.
func (e *Engine) Ensure(ctx context.Context, topics []engine.Topic) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := e.server(ctx, topics); err != nil {
		return err
	}
	for _, want := range topics {
		if err := e.ensure(ctx, want); err != nil {
			return err
		}
	}
	return nil
}

// server checks what all topics need.
func (e *Engine) server(ctx context.Context, topics []engine.Topic) error {
	bound, cancel := e.within(ctx, patience)
	defer cancel()
	if _, err := e.js.AccountInfo(bound); err != nil {
		return e.failed(ctx, "nats", err)
	}
	if v := e.conn.ConnectedServerVersion(); tooOld(v) {
		return fault.New(fault.Unavailable, "nats is version %s, and %s is the oldest that will do", v, oldest).At("nats").Fix("update the server")
	}
	for _, t := range topics {
		if have, need := e.conn.MaxPayload(), int64(t.MaxEvent+overhead); have < need {
			return fault.New(fault.Conflict, "nats takes messages of %d bytes, and an event of topic %s can need %d", have, t.Name, need).At("nats").
				Fix("write max_payload: %d into the server's configuration, or lower the topic's max_event", need)
		}
	}
	return nil
}

// tooOld compares major and minor version; what cannot be read is new.
func tooOld(version string) bool {
	var major, minor, wantMajor, wantMinor int
	if n, _ := fmt.Sscanf(version, "%d.%d", &major, &minor); n != 2 {
		return false
	}
	_, _ = fmt.Sscanf(oldest, "%d.%d", &wantMajor, &wantMinor) // a constant
	return major < wantMajor || major == wantMajor && minor < wantMinor
}

func (e *Engine) ensure(ctx context.Context, want engine.Topic) error {
	t, err := e.topics.Get(want.Name, func() *topic { return e.newTopic(want.Name) })
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.want = want
	for _, k := range want.Known {
		t.seen = max(t.seen, k.Offset)
	}
	fresh := t.seen == 0
	t.mu.Unlock()
	if err := t.settle(ctx, want, fresh); err != nil && !errors.Is(err, engine.ErrDamaged) {
		return err
	}
	return nil
}

// settle makes the stream what it should be. One that held something is not made anew.
func (t *topic) settle(ctx context.Context, want engine.Topic, fresh bool) error {
	bound, cancel := t.e.within(ctx, patience)
	defer cancel()
	if fresh {
		_, err := t.e.js.CreateStream(bound, t.config(want))
		if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return t.failed(ctx, err)
		}
	}
	info, err := t.state(ctx)
	if err != nil {
		return err
	}
	if wrong := t.foreign(info.Config); len(wrong) > 0 {
		return fault.New(fault.Conflict, "stream %s has other settings than its topic can do with: %s", t.stream, strings.Join(wrong, ", ")).
			Fix("set them as docs/events.md says, by `nats stream edit %s`, or remove the stream if nobody needs its events", t.stream)
	}
	config := t.config(want)
	now := info.Config
	if now.MaxBytes == config.MaxBytes && now.Discard == config.Discard && now.Duplicates == config.Duplicates {
		return nil
	}
	now.MaxBytes, now.Discard, now.Duplicates = config.MaxBytes, config.Discard, config.Duplicates
	if _, err := t.e.js.UpdateStream(bound, now); err != nil {
		return t.failed(ctx, err)
	}
	return nil
}

// config is that of a stream which Banyan makes. There is no MaxAge: the server
// would remove what a subscription still needs.
func (t *topic) config(want engine.Topic) jetstream.StreamConfig {
	c := jetstream.StreamConfig{
		Name: t.stream, Subjects: []string{t.subject}, Description: "Banyan's topic " + want.Name + " of app " + t.e.app,
		Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Replicas: 1, DenyDelete: true,
		MaxBytes: want.MaxBytes, Discard: jetstream.DiscardNew, Duplicates: want.Dedup,
	}
	if t.e.conn.ConnectedClusterName() != "" {
		c.Replicas = 3
	}
	if want.DropOldest {
		c.Discard = jetstream.DiscardOld
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = -1
	}
	if c.Duplicates == 0 {
		c.Duplicates = 2 * time.Minute // the server's own default; no message has an id then
	}
	return c
}

// foreign lists settings with which events would be lost, changed or acknowledged too early.
func (t *topic) foreign(c jetstream.StreamConfig) (wrong []string) {
	for _, s := range []struct {
		name string
		bad  bool
	}{
		{"subjects", !slices.Equal(c.Subjects, []string{t.subject})},
		{"storage", c.Storage != jetstream.FileStorage},
		{"retention", c.Retention != jetstream.LimitsPolicy},
		{"max_age", c.MaxAge != 0},
		{"max_msgs", c.MaxMsgs > 0},
		{"max_msgs_per_subject", c.MaxMsgsPerSubject > 0},
		{"max_msg_size", c.MaxMsgSize > 0 && int(c.MaxMsgSize) < t.want.MaxEvent+overhead},
		{"no_ack", c.NoAck},
		{"sealed", c.Sealed},
		{"deny_delete", !c.DenyDelete},
		{"deny_purge", c.DenyPurge},
		{"allow_rollup_hdrs", c.AllowRollup},
		{"allow_msg_ttl", c.AllowMsgTTL},
		{"allow_msg_counter", c.AllowMsgCounter},
		{"persist_mode", c.PersistMode == jetstream.AsyncPersistMode},
		{"mirror", c.Mirror != nil},
		{"sources", len(c.Sources) > 0},
		{"subject_transform", c.SubjectTransform != nil},
	} {
		if s.bad {
			wrong = append(wrong, s.name)
		}
	}
	return wrong
}
