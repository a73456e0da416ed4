package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/enginetest"
	"github.com/banyanrun/banyan/internal/fault"
)

// settings: topics that would lose events are refused, by name and with what to set.
func (b *broker) settings(t *testing.T) {
	for i, c := range []struct {
		configs    map[string]string
		partitions int32
		copies     bool // they are looked at
		want       string
	}{
		{nil, 1, false, ""},
		{nil, 3, false, "3 partitions"},
		{nil, 1, true, "one replica"},
		{map[string]string{"cleanup.policy": "compact"}, 1, false, "cleanup.policy=delete"},
		{map[string]string{"cleanup.policy": "compact,delete"}, 1, false, "cleanup.policy=delete"},
		{map[string]string{"retention.ms": "604800000"}, 1, false, "retention.ms=-1"},
		{map[string]string{"retention.bytes": "1000000000"}, 1, false, "retention.bytes=-1"},
		{map[string]string{"unclean.leader.election.enable": "true"}, 1, false, "unclean.leader.election.enable=false"},
		{map[string]string{"message.timestamp.type": "LogAppendTime"}, 1, false, "message.timestamp.type=CreateTime"},
		{map[string]string{"max.message.bytes": "1048588"}, 1, false, "max.message.bytes="},
	} {
		name := fmt.Sprintf("settings-%d", i)
		b.topic(t, "banyan.shop."+name, c.partitions, c.configs)
		e := b.engine(t, func(to *Config) { to.OneCopy = !c.copies })
		err := e.Ensure(t.Context(), []engine.Topic{{Name: name}})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%v: %v", c.configs, err)
		case c.want != "" && (fault.CodeOf(err) != fault.Conflict || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%v, %d partitions: %v, and not %s", c.configs, c.partitions, err, c.want)
		}
	}
	e := b.engine(t, func(to *Config) { to.OneCopy = false })
	if err := e.Ensure(t.Context(), []engine.Topic{{Name: "alone"}}); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("a cluster of one broker: %v", err)
	}
	b.as(t, func(_ *kgo.Client, admin *kadm.Client) error {
		all, err := admin.ListTopics(t.Context())
		if all.Has("banyan.shop.alone") {
			t.Error("the topic was made all the same")
		}
		return err
	})
	// What Banyan makes itself, it takes.
	own := engine.Topic{Name: "own"}
	enginetest.Ensure(t, b.engine(t, nil), own)
	enginetest.Ensure(t, b.engine(t, nil), own)
}

func (b *broker) logins(t *testing.T) {
	user := url.UserPassword("shop", password).String()
	for _, how := range []string{"", "?sasl=scram-sha-512", "?sasl=plain"} {
		e := b.engine(t, func(to *Config) { to.URL = "kafka://" + user + "@" + b.login + how })
		enginetest.Ensure(t, e, engine.Topic{Name: "login"})
		enginetest.Publish(t, e, "login", 1)
	}
	e := b.engine(t, func(to *Config) { to.URL = "shop:wrong@" + b.login })
	if err := e.Ensure(t.Context(), []engine.Topic{{Name: "login"}}); fault.CodeOf(err) != fault.Unavailable || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong password: %v", err)
	}
}

// others: what somebody else writes is passed over, and what Banyan writes can be
// read by somebody else as CloudEvents' Kafka binding says.
func (b *broker) others(t *testing.T) {
	e := b.engine(t, nil)
	enginetest.Ensure(t, e, engine.Topic{Name: "others"})
	enginetest.Publish(t, e, "others", 1)
	b.as(t, func(client *kgo.Client, _ *kadm.Client) error {
		return client.ProduceSync(t.Context(), &kgo.Record{Topic: "banyan.shop.others", Value: []byte("hello")}).FirstErr()
	})
	enginetest.Publish(t, e, "others", 2)
	got, err := e.Read(t.Context(), "others", engine.Position{Offset: 1}, 10)
	if err != nil || len(got) != 1 || string(got[0].Data) != "2" || got[0].Offset != 3 {
		t.Errorf("Read: %+v, %v", got, err)
	}
	b.as(t, func(client *kgo.Client, _ *kadm.Client) error {
		client.AddConsumePartitions(map[string]map[int32]kgo.Offset{"banyan.shop.others": {0: kgo.NewOffset().At(2)}})
		records := client.PollRecords(t.Context(), 1).Records()
		if len(records) != 1 {
			return fmt.Errorf("%d records are read", len(records))
		}
		headers := map[string]string{}
		for _, h := range records[0].Headers {
			headers[h.Key] = string(h.Value)
		}
		if headers["ce_id"] != "2" || headers["content-type"] != "text/plain" || headers["ce_source"] != "/ü" || string(records[0].Key) != "k" {
			t.Errorf("others read %v", headers)
		}
		return nil
	})
}

// gap: what is missing between two events is not passed over. The end of a
// transaction takes up an offset and is no record.
func (b *broker) gap(t *testing.T) {
	e := b.engine(t, nil)
	enginetest.Ensure(t, e, engine.Topic{Name: "gap"})
	enginetest.Publish(t, e, "gap", 1)
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addr), kgo.TransactionalID("others"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	err = client.ProduceSync(t.Context(), &kgo.Record{Topic: "banyan.shop.gap"}).FirstErr()
	if err := errors.Join(err, client.EndTransaction(t.Context(), kgo.TryCommit)); err != nil {
		t.Fatal(err)
	}
	for { // the mark comes a moment later
		if s, err := e.Stat(t.Context(), "gap"); err != nil {
			t.Fatal(err)
		} else if s.Partitions[0].End.Offset == 3 {
			break
		}
	}
	enginetest.Publish(t, e, "gap", 2)
	if got, err := e.Read(t.Context(), "gap", engine.Position{}, 10); err != nil || len(got) != 1 {
		t.Errorf("before the gap: %v, %v", got, err)
	}
	if got, err := e.Read(t.Context(), "gap", engine.Position{Offset: 1}, 10); !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("behind it: %v, %v", got, err)
	}
	if _, err := e.Publish(t.Context(), "gap", []engine.Record{enginetest.Event(3)}); !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("Publish: %v", err)
	}
}

// anew: a topic that is removed, or made anew, has lost what was acknowledged.
func (b *broker) anew(t *testing.T) {
	e := b.engine(t, nil)
	enginetest.Ensure(t, e, engine.Topic{Name: "anew"})
	for n := range 3 {
		enginetest.Publish(t, e, "anew", n)
	}
	remove := func() {
		b.as(t, func(_ *kgo.Client, admin *kadm.Client) error {
			_, err := admin.DeleteTopic(t.Context(), "banyan.shop.anew")
			return err
		})
	}
	remove()
	later := b.engine(t, nil)
	enginetest.Ensure(t, later, engine.Topic{Name: "anew", Known: []engine.Position{{Offset: 3}}})
	if s, err := later.Stat(t.Context(), "anew"); err != nil || s.Health != engine.Stopped || !errors.Is(s.Why, engine.ErrDamaged) {
		t.Errorf("a topic that was removed is %+v, %v", s, err)
	}
	b.topic(t, "banyan.shop.anew", 1, nil)
	if _, err := e.Publish(t.Context(), "anew", []engine.Record{enginetest.Event(4)}); err == nil {
		t.Error("it was stored in another topic, and nobody was told")
	}
	if s, err := e.Stat(t.Context(), "anew"); err != nil || s.Health != engine.Stopped || !errors.Is(s.Why, engine.ErrDamaged) {
		t.Errorf("a topic that was made anew is %+v, %v", s, err)
	}
}

// restart: what was acknowledged before the broker was killed and after it came
// back is there, in order, by the same engine and the same cursor.
func (b *broker) restart(t *testing.T) {
	e := b.engine(t, nil)
	enginetest.Ensure(t, e, engine.Topic{Name: "restart"})
	c, err := e.Open(t.Context(), "restart", "g", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	half, acknowledged := enginetest.Steadily(t, e, "restart", 400)
	<-half
	b.Kill()
	b.start()
	<-acknowledged
	next := 0
	for next < 400 {
		got, err := c.Next(t.Context(), 100)
		if err != nil && t.Context().Err() != nil {
			t.Fatal(err)
		}
		for _, s := range got {
			n, _ := strconv.Atoi(string(s.Data))
			if n > next {
				t.Fatalf("%d comes when %d is next", n, next)
			}
			next = max(next, n+1) // it may come twice
		}
	}
}

// away: calls end when nobody answers, and at once when their context does.
func (b *broker) away(t *testing.T) {
	e := b.engine(t, nil)
	enginetest.Ensure(t, e, engine.Topic{Name: "away"})
	c, err := e.Open(t.Context(), "away", "g", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b.Kill()
	if _, err := e.Stat(t.Context(), "away"); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("Stat: %v", err)
	}
	for name, call := range map[string]func(context.Context) error{
		"Ensure": func(ctx context.Context) error { return e.Ensure(ctx, []engine.Topic{{Name: "away"}}) },
		"Publish": func(ctx context.Context) error {
			_, err := e.Publish(ctx, "away", []engine.Record{enginetest.Event(1)})
			return err
		},
		"Stat": func(ctx context.Context) error { _, err := e.Stat(ctx, "away"); return err },
		"Read": func(ctx context.Context) error { _, err := e.Read(ctx, "away", engine.Position{}, 1); return err },
		"Next": func(ctx context.Context) error { _, err := c.Next(ctx, 1); return err },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		started := time.Now()
		if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
		if d := time.Since(started); d > time.Second {
			t.Errorf("%s took %v", name, d)
		}
	}
	if _, err := e.Publish(t.Context(), "away", []engine.Record{enginetest.Event(1)}); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("Publish: %v", err)
	}
	b.start()
	enginetest.Publish(t, e, "away", 2)
	if got, err := e.Read(t.Context(), "away", engine.Position{}, 10); err != nil || len(got) != 1 || string(got[0].Data) != "2" {
		t.Errorf("what failed long ago is stored: %v, %v", got, err)
	}
}

func TestBusy(t *testing.T) {
	e, err := Open(Config{URL: "127.0.0.1:1", App: "shop", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	to, err := e.topic(engine.Topic{Name: "busy", MaxBytes: 1000})
	if err != nil {
		t.Fatal(err)
	}
	e.pending.Store(most)
	if _, err := e.Publish(t.Context(), "busy", []engine.Record{enginetest.Event(1)}); !errors.Is(err, engine.ErrBusy) {
		t.Errorf("Publish: %v", err)
	}
	e.pending.Store(0)
	if err := to.reserve(t.Context(), 600); err != nil {
		t.Error(err)
	}
	if err := to.reserve(t.Context(), 600); !errors.Is(err, engine.ErrFull) {
		t.Errorf("there is no room beside what waits: %v", err)
	}
	to.unreserve(600)
	if err := to.reserve(t.Context(), 600); err != nil {
		t.Error(err)
	}
	if n := e.pending.Load(); n != 600 {
		t.Errorf("%d bytes wait", n)
	}
}
