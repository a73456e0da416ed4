package rabbitmq

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/enginetest"
	"github.com/banyanrun/banyan/internal/fault"
)

func open(tb testing.TB, e *Engine, topic, group string) engine.Cursor {
	tb.Helper()
	c, err := e.Open(tb.Context(), topic, group, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

// take reads n events and returns their numbers and places; done says to be done with them.
func take(tb testing.TB, c engine.Cursor, n int, done bool) (numbers []int, places []engine.Position) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	for len(numbers) < n {
		got, err := c.Next(ctx, n-len(numbers))
		if err != nil {
			tb.Fatalf("after %v: %v", numbers, err)
		}
		for _, s := range got {
			number, _ := strconv.Atoi(string(s.Data))
			numbers, places = append(numbers, number), append(places, s.Position)
		}
	}
	if done {
		if err := c.Done(tb.Context(), places); err != nil {
			tb.Fatal(err)
		}
	}
	return numbers, places
}

// groups: each has every event, and none from before it was there, or after it went.
func (s *server) groups(t *testing.T) {
	e := s.engine(t, nil)
	enginetest.Ensure(t, e, engine.Topic{Name: "groups"})
	enginetest.Publish(t, e, "groups", 1) // for nobody
	enginetest.Ensure(t, e, engine.Topic{Name: "groups", Groups: []string{"a"}})
	enginetest.Publish(t, e, "groups", 2)
	enginetest.Ensure(t, e, engine.Topic{Name: "groups", Groups: []string{"a", "b"}, Begun: []string{"a"}})
	enginetest.Publish(t, e, "groups", 3)
	for group, want := range map[string]uint64{"a": 2, "b": 1} {
		stat, err := e.Stat(t.Context(), "groups")
		if err != nil || stat.Waiting[group] != want || len(stat.Partitions) != 1 || stat.Partitions[0] != (engine.Range{}) {
			t.Errorf("%d events of %s: %+v, %v", want, group, stat, err)
		}
	}
	enginetest.Ensure(t, e, engine.Topic{Name: "groups", Groups: []string{"b"}, Begun: []string{"b"}})
	enginetest.Publish(t, e, "groups", 4)
	for group, want := range map[string][]int{"a": {2, 3}, "b": {3, 4}} {
		if got, _ := take(t, open(t, e, "groups", group), 2, true); got[0] != want[0] || got[1] != want[1] {
			t.Errorf("%s has %v, not %v", group, got, want)
		}
	}
}

// offsets rise, also when the clock was set back, or what the bus saved is lost.
func (s *server) offsets(t *testing.T) {
	var last uint64
	for i, c := range []struct {
		clock time.Duration
		known bool
	}{{0, false}, {-time.Hour, true}, {time.Minute, false}} {
		e := s.engine(t, func(to *Config) { to.Now = func() time.Time { return time.Now().Add(c.clock) } })
		topic := engine.Topic{Name: "offsets", Groups: []string{"g"}}
		if c.known {
			topic.Known = []engine.Position{{Offset: last - 1}}
		}
		enginetest.Ensure(t, e, topic)
		for n := range 3 {
			placed, err := e.Publish(t.Context(), "offsets", []engine.Record{enginetest.Event(n)})
			if err != nil || placed[0].Offset <= last {
				t.Fatalf("round %d: after %d comes %+v, %v", i, last, placed, err)
			}
			last = placed[0].Offset
		}
	}
}

// partly: what is not Done comes again, in order, and what is does not.
func (s *server) partly(t *testing.T) {
	e := s.engine(t, nil)
	enginetest.Ensure(t, e, engine.Topic{Name: "partly", Groups: []string{"g"}})
	for n := range 10 {
		enginetest.Publish(t, e, "partly", n)
	}
	c := open(t, e, "partly", "g")
	_, places := take(t, c, 8, false)
	if err := c.Done(t.Context(), []engine.Position{places[5], places[0], places[1], places[3], places[5]}); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, e, "partly", "g")
	if err := c.Done(t.Context(), places); err != nil {
		t.Errorf("Done of a cursor that is closed: %v", err)
	}
	if got, _ := take(t, again, 6, true); !sameInts(got, 2, 4, 6, 7, 8, 9) {
		t.Errorf("%v come again", got)
	}
}

func sameInts(got []int, want ...int) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if got[i] != want[i] {
			return false
		}
	}
	return true
}

// others: what somebody else writes is passed over, and what Banyan writes can be
// read by somebody else as CloudEvents' AMQP binding says.
func (s *server) others(t *testing.T) {
	e := s.engine(t, nil)
	enginetest.Ensure(t, e, engine.Topic{Name: "others", Groups: []string{"g"}})
	s.as(t, func(ctx context.Context, ch *amqp.Channel) error {
		return ch.PublishWithContext(ctx, "banyan.shop.others", "", true, false, amqp.Publishing{Body: []byte("7")})
	})
	s.as(t, func(ctx context.Context, ch *amqp.Channel) error {
		if _, err := ch.QueueDeclare("theirs", true, false, false, false, nil); err != nil {
			return err
		}
		return ch.QueueBind("theirs", "", "banyan.shop.others", false, nil)
	})
	enginetest.Publish(t, e, "others", 2)
	if got, _ := take(t, open(t, e, "others", "g"), 1, true); got[0] != 2 {
		t.Errorf("%v is read", got)
	}
	s.as(t, func(_ context.Context, ch *amqp.Channel) error {
		m, ok, err := ch.Get("theirs", true)
		if !ok || m.Headers["cloudEvents_id"] != "2" || m.Headers["cloudEvents_source"] != "/ü" || m.ContentType != "text/plain" || string(m.Body) != "2" {
			t.Errorf("others read %+v", m)
		}
		return err
	})
}

// late: an event with an offset that others have passed is not taken for one that
// the group has.
func (s *server) late(t *testing.T) {
	e := s.engine(t, nil)
	enginetest.Ensure(t, e, engine.Topic{Name: "late", Groups: []string{"g", "h"}})
	enginetest.Publish(t, e, "late", 1)
	m := encode(enginetest.Event(2))
	m.Headers[headerOffset] = int64(1)
	s.as(t, func(ctx context.Context, ch *amqp.Channel) error {
		return ch.PublishWithContext(ctx, "", "banyan.shop.late:g", true, false, m)
	})
	got, places := take(t, open(t, e, "late", "g"), 2, true)
	if !sameInts(got, 1, 2) || places[1].Offset <= places[0].Offset {
		t.Errorf("%v are read at %v", got, places)
	}
	stat, err := e.Stat(t.Context(), "late")
	if err != nil || stat.Waiting["h"] != 1 || stat.Waiting["g"] != 0 {
		t.Errorf("what waits is %v, %v", stat.Waiting, err)
	}
}

// settings: a queue or exchange of another kind is refused.
func (s *server) settings(t *testing.T) {
	s.as(t, func(_ context.Context, ch *amqp.Channel) error {
		if err := ch.ExchangeDeclare("banyan.shop.kind", "topic", true, false, false, false, nil); err != nil {
			return err
		}
		_, err := ch.QueueDeclare("banyan.shop.classic:g", true, false, false, false, nil)
		return err
	})
	e := s.engine(t, nil)
	for _, name := range []string{"kind", "classic"} {
		err := e.Ensure(t.Context(), []engine.Topic{{Name: name, Groups: []string{"g"}}})
		if fault.CodeOf(err) != fault.Conflict || !strings.Contains(err.Error(), "banyan.shop."+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wrong := s.engine(t, func(to *Config) { to.URL = strings.Replace(to.URL, "amqp://", "amqp://shop:s3cr3t@", 1) })
	err := wrong.Ensure(t.Context(), []engine.Topic{{Name: "login"}})
	if fault.CodeOf(err) != fault.Unavailable || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("a wrong password: %v", err)
	}
}

// removed: a queue that is gone has taken events with it.
func (s *server) removed(t *testing.T) {
	e := s.engine(t, nil)
	enginetest.Ensure(t, e, engine.Topic{Name: "removed", Groups: []string{"g"}})
	enginetest.Publish(t, e, "removed", 1)
	c := open(t, e, "removed", "g")
	take(t, c, 1, true)
	s.as(t, func(_ context.Context, ch *amqp.Channel) error {
		_, err := ch.QueueDelete("banyan.shop.removed:g", false, false, false)
		return err
	})
	if _, err := e.Publish(t.Context(), "removed", []engine.Record{enginetest.Event(2)}); !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("Publish: %v", err)
	}
	later := s.engine(t, nil)
	enginetest.Ensure(t, later, engine.Topic{Name: "removed", Groups: []string{"g"}, Begun: []string{"g"}})
	for _, e := range []*Engine{e, later} {
		stat, err := e.Stat(t.Context(), "removed")
		if err != nil || stat.Health != engine.Stopped || !errors.Is(stat.Why, engine.ErrDamaged) {
			t.Errorf("the topic is %+v, %v", stat, err)
		}
	}
	if _, err := later.Publish(t.Context(), "removed", []engine.Record{enginetest.Event(3)}); !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("Publish: %v", err)
	}
	if _, err := c.Next(t.Context(), 1); err == nil {
		t.Error("a queue that is gone gives something")
	}
}

// restart: what was acknowledged before the server was killed and after it came
// back is there, in order, by the same engine and the same cursor.
func (s *server) restart(t *testing.T) {
	e := s.engine(t, nil)
	enginetest.Ensure(t, e, engine.Topic{Name: "restart", Groups: []string{"g"}})
	s.registered("banyan.shop.restart:g")
	c := open(t, e, "restart", "g")
	half, acknowledged := enginetest.Steadily(t, e, "restart", 400)
	<-half
	if got, _ := take(t, c, 100, true); got[99] != 99 {
		t.Errorf("the first are %v", got)
	}
	take(t, c, 50, false)
	s.Kill()
	s.start()
	<-acknowledged
	next, highest := 100, uint64(0)
	for next < 400 {
		got, err := c.Next(t.Context(), 100)
		if err != nil && t.Context().Err() != nil {
			t.Fatal(err)
		}
		for _, m := range got {
			n, _ := strconv.Atoi(string(m.Data))
			if n > next || m.Offset <= highest {
				t.Fatalf("%d comes when %d is next, at %d after %d", n, next, m.Offset, highest)
			}
			next, highest = max(next, n+1), m.Offset // it may have been stored twice
			if err := c.Done(t.Context(), []engine.Position{m.Position}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// away: calls end when nobody answers, and at once when their context does.
func (s *server) away(t *testing.T) {
	e := s.engine(t, nil)
	enginetest.Ensure(t, e, engine.Topic{Name: "away", Groups: []string{"g"}})
	s.registered("banyan.shop.away:g")
	c := open(t, e, "away", "g")
	s.Kill()
	if _, err := e.Stat(t.Context(), "away"); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("Stat: %v", err)
	}
	if _, err := e.Publish(t.Context(), "away", []engine.Record{enginetest.Event(1)}); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("Publish: %v", err)
	}
	if _, err := c.Next(t.Context(), 1); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("Next: %v", err)
	}
	s.start()
	enginetest.Publish(t, e, "away", 2)
	if got, _ := take(t, c, 1, true); got[0] != 2 {
		t.Errorf("what failed long ago is stored: %v", got)
	}
}

// TestSilent: calls end with their context though the server takes connections and says nothing.
func TestSilent(t *testing.T) {
	url := "amqp://" + silent(t)
	e, err := Open(Config{URL: url, App: "shop", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.topics.Get("t", func() *topic { return e.newTopic("t") }); err != nil {
		t.Fatal(err)
	}
	c := open(t, e, "t", "g")
	for name, call := range map[string]func(context.Context) error{
		"Ensure": func(ctx context.Context) error { return e.Ensure(ctx, []engine.Topic{{Name: "t"}}) },
		"Publish": func(ctx context.Context) error {
			_, err := e.Publish(ctx, "t", []engine.Record{enginetest.Event(1)})
			return err
		},
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
	e.pending.Store(most)
	if _, err := e.Publish(t.Context(), "t", []engine.Record{enginetest.Event(1)}); !errors.Is(err, engine.ErrBusy) {
		t.Errorf("Publish: %v", err)
	}
	e.pending.Store(0)
	e.end() // or Close would wait for what is being stored
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}
