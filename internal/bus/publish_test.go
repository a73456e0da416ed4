package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/enginetest"
	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/fault"
)

const orderSchema = `{"type":"object","required":["of"],"properties":{"of":{"type":"string","maxLength":10}}}`

func TestPublishCompletesEvents(t *testing.T) {
	r := newRig(t, simple())
	before := time.Now().Add(-time.Second)
	result := r.publish("t", "k")[0]
	if len(result.ID) != 36 || result.ID[14] != '7' || result.Source != "/services/shop" || result.Sequence != "1" || result.Duplicate {
		t.Errorf("%+v", result)
	}
	d := r.service.wait(t, 1)[0]
	if at, err := time.Parse(time.RFC3339Nano, d.header.Get("Ce-Time")); err != nil || at.Before(before) {
		t.Errorf("%v %v", d.header, err)
	}
	// What a publisher claims of itself is kept, but for who it is.
	e := cloudevent.Event{}
	for name, value := range map[string]string{cloudevent.Source: "/elsewhere", cloudevent.Type: "x", Publisher: "somebody", "more": "y"} {
		e.Set(name, value)
	}
	if _, err := r.Publish(t.Context(), "shop", "t", []cloudevent.Event{e}); err != nil {
		t.Fatal(err)
	}
	h := r.service.wait(t, 2)[1].header
	if h.Get("Ce-Source") != "/elsewhere" || h.Get("Ce-Type") != "x" || h.Get("Ce-Banyanpublisher") != "shop" || h.Get("Ce-More") != "y" {
		t.Errorf("%v", h)
	}
}

func TestPublishIsRefused(t *testing.T) {
	spec := simple(func(topic *Topic, _ *Subscription) { topic.MaxEvent, topic.Schema = 100, []byte(orderSchema) })
	spec.Topics["other"] = Topic{}
	r := newRig(t, spec)
	event := func(data string, attrs ...string) []cloudevent.Event {
		e := cloudevent.Event{Data: []byte(data)}
		for i := 0; i < len(attrs); i += 2 {
			e.Set(attrs[i], attrs[i+1])
		}
		return []cloudevent.Event{e}
	}
	fine := `{"of":"x"}`
	for _, c := range []struct {
		topic  string
		events []cloudevent.Event
		reason Reason
		code   fault.Code
		index  int
		says   string
	}{
		{"none", event(fine), NoTopic, fault.NotFound, -1, "no service declares topic none"},
		{"other", event(fine), PublishRefused, fault.Denied, -1, "publishes: [other]"},
		{"t", event(fine, "id", ""), EventInvalid, fault.Invalid, -1, `"id"`},
		{"t", event(fine, "deliverat", "soon"), EventInvalid, fault.Invalid, -1, "RFC 3339"},
		{"t", event(fine, "deliverat", time.Now().Add(31*24*time.Hour).Format(time.RFC3339)), EventInvalid, fault.Invalid, -1, "30 days at most"},
		{"t", event(fine, "subject", strings.Repeat("x", 1025)), EventInvalid, fault.Invalid, -1, `"subject"`},
		{"t", event(strings.Repeat("x", 101)), EventTooLarge, fault.Invalid, -1, "101"},
		{"t", event("{"), SchemaMismatch, fault.Invalid, -1, "not JSON"},
		{"t", event(`{"of":"12345678901"}`), SchemaMismatch, fault.Invalid, -1, "/of"},
		{"t", append(event(fine), event(`{}`)...), SchemaMismatch, fault.Invalid, 1, "of"},
		{"t", make([]cloudevent.Event, 1001), BatchTooLarge, fault.Invalid, -1, "1000"},
	} {
		_, err := r.Publish(t.Context(), "shop", c.topic, c.events)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Reason != c.reason || fault.CodeOf(err) != c.code || e.Index != c.index || !strings.Contains(e.Error(), c.says) {
			t.Errorf("%s: %+v, want %+v", c.topic, err, c)
			continue
		}
		if c.reason == SchemaMismatch && len(e.Problems) == 0 {
			t.Errorf("%v: no problems", err)
		}
	}
	if s := r.topic(); s.Events != 0 {
		t.Errorf("%d events of refused calls are there", s.Events)
	}
	if _, err := r.Publish(t.Context(), Platform, "other", event(fine)); err != nil {
		t.Errorf("the platform may publish everywhere: %v", err)
	}
}

func TestEnginesErrorsAreTranslated(t *testing.T) {
	var fails atomic.Pointer[error]
	memory := enginetest.NewMemory(time.Now)
	memory.Fault = func(method, topic string) error {
		if e := fails.Load(); e != nil && method == "Publish" {
			return *e
		}
		return nil
	}
	r := &rig{t: t, engine: memory, path: t.TempDir() + "/bus.db", service: newService(t)}
	r.start(simple())
	t.Cleanup(r.stop)
	for err, want := range map[error]Reason{
		engine.ErrFull: TopicFull, engine.ErrBusy: TopicBusy, engine.ErrStopped: TopicStopped, engine.ErrDamaged: TopicStopped,
		engine.ErrClosed: Restarting, fault.New(fault.Unavailable, "away"): Unreachable,
	} {
		fails.Store(new(fmt.Errorf("wrapped: %w", err)))
		_, got := r.Publish(t.Context(), "shop", "t", makeEvents("k"))
		if e, ok := errors.AsType[*Error](got); !ok || e.Reason != want || !errors.Is(got, err) && want != Restarting || (e.RetryAfter == 0) != (want == TopicFull) {
			t.Errorf("%v: %v", err, got)
		}
	}
	fails.Store(new(context.Canceled))
	if _, err := r.Publish(t.Context(), "shop", "t", makeEvents("k")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if s := r.topic(); s.Refused != 6 {
		t.Errorf("%+v", s)
	}
}

func TestDuplicates(t *testing.T) {
	r := newRig(t, simple())
	first := r.publish("t", "k:1", "k:2")
	again := r.publish("t", "k:2", "k:3", "k:3")
	if first[0].Duplicate || first[1].Duplicate || !again[0].Duplicate || again[1].Duplicate || !again[2].Duplicate ||
		again[0].Sequence != first[1].Sequence || again[2].Sequence != again[1].Sequence {
		t.Errorf("%+v %+v", first, again)
	}
	r.publish("t", "k:end")
	if got := r.service.wait(t, 4); len(got) != 4 || got[3].id() != "end" {
		t.Errorf("%v", got)
	}
	if s := r.topic(); s.Published != 4 || s.Duplicates != 2 {
		t.Errorf("%+v", s)
	}
}

func TestDelayed(t *testing.T) {
	for _, window := range []time.Duration{0, time.Hour} {
		t.Run(window.String(), func(t *testing.T) {
			spec := simple(func(topic *Topic, _ *Subscription) { topic.Dedup = window })
			r := newRig(t, spec)
			due := time.Now().Add(400 * time.Millisecond)
			later := makeEvents("k:later")
			later[0].Set(DeliverAt, due.UTC().Format(time.RFC3339Nano))
			result, err := r.Publish(t.Context(), "shop", "t", append(later, makeEvents("k:now")...))
			if err != nil || !result[0].Scheduled.Equal(due) || result[0].Sequence != "" || !result[1].Scheduled.IsZero() {
				t.Fatalf("%+v %v", result, err)
			}
			if got := r.service.wait(t, 1); got[0].id() != "now" {
				t.Errorf("%v", got[0].header)
			}
			if s := r.topic(); s.Delayed != 1 {
				t.Errorf("%+v", s)
			}
			r.stop() // it is due after, or while, the bus is away
			r.start(spec)
			if got := r.service.wait(t, 2); got[1].id() != "later" || time.Now().Before(due) {
				t.Errorf("%v", got[1].header)
			}
			r.eventually("nothing waits", func() bool { return r.topic().Delayed == 0 })
			past := makeEvents("k:past")
			past[0].Set(DeliverAt, "2001-01-01T00:00:00Z")
			if result, err = r.Publish(t.Context(), "shop", "t", past); err != nil || !result[0].Scheduled.IsZero() {
				t.Errorf("%+v %v", result, err)
			}
		})
	}
}

// TestDelayedTwice: an event that waits, or was published after its wait, is known.
func TestDelayedTwice(t *testing.T) {
	r := newRig(t, simple())
	publish := func(in time.Duration) Result {
		e := makeEvents("k:1")
		e[0].Set(DeliverAt, time.Now().Add(in).UTC().Format(time.RFC3339Nano))
		results, err := r.Publish(t.Context(), "shop", "t", e)
		if err != nil {
			t.Fatal(err)
		}
		return results[0]
	}
	if first, second := publish(100*time.Millisecond), publish(time.Hour); first.Duplicate || !second.Duplicate {
		t.Errorf("%+v %+v", first, second)
	}
	r.service.wait(t, 1)
	if again := r.publish("t", "k:1")[0]; !again.Duplicate {
		t.Errorf("%+v", again)
	}
}

// TestDelayedWhenStuck: events whose topic is full wait for it, and hold up no other topic's.
func TestDelayedWhenStuck(t *testing.T) {
	memory := enginetest.NewMemory(time.Now)
	var full atomic.Bool
	full.Store(true)
	memory.Fault = func(method, topic string) error {
		if method == "Publish" && topic == "a" && full.Load() {
			return engine.ErrFull
		}
		return nil
	}
	r := &rig{t: t, engine: memory, path: t.TempDir() + "/bus.db", service: newService(t)}
	spec := simple()
	spec.Topics["a"] = Topic{Dedup: time.Hour}
	a := spec.Subscriptions[0]
	a.Topic, a.Path = "a", "/a"
	spec.Subscriptions = append(spec.Subscriptions, a)
	r.start(spec)
	t.Cleanup(r.stop)
	for _, topic := range []string{"a", "t"} {
		for i := range duePage + 10 {
			e := makeEvents("k:" + strconv.Itoa(i))
			e[0].Set(DeliverAt, time.Now().Add(50*time.Millisecond).UTC().Format(time.RFC3339Nano))
			if _, err := r.Publish(t.Context(), Platform, topic, e); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, d := range r.service.wait(t, duePage+10) {
		if d.path != "/in" {
			t.Errorf("%s", d.path)
		}
	}
	full.Store(false)
	r.service.wait(t, 2*(duePage+10))
}

// TestFull: what a subscription needs is kept, publish says whom it waits for,
// and there is room again when it has it.
func TestFull(t *testing.T) {
	r := newRig(t, simple(func(topic *Topic, _ *Subscription) { topic.MaxBytes, topic.MaxAge = 4000, time.Hour }))
	if err := r.Pause(t.Context(), "t", "mail"); err != nil {
		t.Fatal(err)
	}
	var refused *Error
	published := 0
	for refused == nil {
		_, err := r.Publish(t.Context(), "shop", "t", makeEvents("k"))
		if err == nil {
			published++
		} else if refused, _ = errors.AsType[*Error](err); refused == nil {
			t.Fatal(err)
		}
	}
	if refused.Reason != TopicFull || !strings.Contains(refused.Error(), "service mail has not taken "+strconv.Itoa(published)+" events of topic t") {
		t.Errorf("%v after %d", refused, published)
	}
	if err := r.Resume(t.Context(), "t", "mail"); err != nil {
		t.Fatal(err)
	}
	r.service.wait(t, published)
	r.eventually("there is room", func() bool {
		_, err := r.Publish(t.Context(), "shop", "t", makeEvents("k"))
		return err == nil
	})
}

func TestAllTopicsTogetherAreFull(t *testing.T) {
	spec := simple()
	spec.MaxBytes = 100
	r := newRig(t, spec)
	r.publish("t", "k")
	r.eventually("the bound is seen", func() bool {
		_, err := r.Publish(t.Context(), "shop", "t", makeEvents("k"))
		e, ok := errors.AsType[*Error](err)
		return ok && e.Reason == TopicFull && strings.Contains(e.Error(), "max_bytes")
	})
}

// TestOldestDropped: what retention took is counted and told, and the rest delivered.
func TestOldestDropped(t *testing.T) {
	r := newRig(t, simple(func(topic *Topic, _ *Subscription) { topic.MaxBytes, topic.DropOldest = 4000, true }))
	if err := r.Pause(t.Context(), "t", "mail"); err != nil {
		t.Fatal(err)
	}
	const events = 100
	for i := range events {
		r.publish("t", "k"+strconv.Itoa(i))
	}
	if err := r.Resume(t.Context(), "t", "mail"); err != nil {
		t.Fatal(err)
	}
	r.eventually("the end is reached", func() bool { return r.sub().Lag == 0 })
	s := r.sub()
	if s.Lost == 0 || s.Lost+s.Delivered != events {
		t.Errorf("%+v", s)
	}
}

// TestLostStore: events without what was known of them are no fresh start.
func TestLostStore(t *testing.T) {
	r := newRig(t, simple())
	r.publish("t", "k:1")
	r.service.wait(t, 1)
	r.stop()
	r.path += ".other"
	r.start(simple())
	_, err := r.Publish(t.Context(), "shop", "t", makeEvents("k:2"))
	if e, ok := errors.AsType[*Error](err); !ok || e.Reason != TopicStopped || !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("%v", err)
	}
	if s := r.topic(); s.Health != engine.Stopped || s.Why == "" {
		t.Errorf("%+v", s)
	}
}

func TestSchemaChanges(t *testing.T) {
	with := func(schema string, anyChange bool) Spec {
		return simple(func(topic *Topic, _ *Subscription) { topic.Schema, topic.AnyChange = []byte(schema), anyChange })
	}
	r := newRig(t, with(orderSchema, false))
	narrow := strings.Replace(orderSchema, "10", "5", 1)
	for range 2 {
		if err := r.Check(t.Context(), with(narrow, false)); fault.CodeOf(err) != fault.Invalid || !strings.Contains(err.Error(), "/of: maxLength") {
			t.Errorf("%v", err)
		}
	}
	if err := r.Configure(t.Context(), with(narrow, false)); err == nil {
		t.Error("a narrower schema was taken")
	}
	r.publish("t", "12345678:1"[:8])
	if err := r.Configure(t.Context(), with(narrow, true)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Publish(t.Context(), "shop", "t", makeEvents("12345678")); err == nil {
		t.Error("the new schema is not in force")
	}
	r.stop()
	r.start(with(narrow, false)) // it is the one in force now
	if err := r.Check(t.Context(), with(`{"type":`, false)); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
	for schema, want := range map[string]string{
		`{"$ref":"https://example.com/schema"}`: "it refers to https://example.com/schema; a schema stands alone: put what it refers to under $defs",
		`{"$ref":"other.json#/a"}`:              "it refers to other.json; a schema stands alone: put what it refers to under $defs",
		`{"$ref":"#/$defs/a"}`:                  `json-pointer in "#/$defs/a" not found`,
		`{"pattern":"("}`:                       "/pattern: '(' is not valid regex: error parsing regexp: missing closing ): `(`",
		`{"type":"objekt"}`:                     "/type: value must be one of 'array', 'boolean', 'integer', 'null', 'number', 'object', 'string'",
	} {
		err := r.Check(t.Context(), with(schema, false))
		if want = "the schema of topic t cannot be used: " + want; err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

// TestMismatchOfAlternatives: what each alternative wants, and not that all failed.
func TestMismatchOfAlternatives(t *testing.T) {
	const schema = `{"allOf":[{"required":["of"]},{"properties":{"of":{"anyOf":[{"type":"string"},{"type":"object"}]}}}]}`
	r := newRig(t, simple(func(topic *Topic, _ *Subscription) { topic.Schema = []byte(schema) }))
	_, err := r.Publish(t.Context(), "shop", "t", []cloudevent.Event{{Data: []byte(`{"of":1}`)}})
	e, ok := errors.AsType[*Error](err)
	want := []Problem{{"/of", "got number, want string"}, {"/of", "got number, want object"}}
	if !ok || !slices.Equal(e.Problems, want) {
		t.Errorf("%v: got %v, want %v", err, e.Problems, want)
	}
}

func TestTail(t *testing.T) {
	r := newRig(t, simple())
	if err := r.Tail(t.Context(), "t", "2", false, nil); fault.CodeOf(err) != fault.Invalid || err.Error() != "topic t has no events yet" {
		t.Errorf("%v", err)
	}
	r.publish("t", "a:1", "a:2", "a:3")
	read := func(from string, follow bool, most int) (ids []string) {
		stop := errors.New("enough")
		err := r.Tail(t.Context(), "t", from, follow, func(e Tailed) error {
			id, _ := e.Event.Get("id")
			ids = append(ids, e.Sequence+"="+id)
			if len(ids) == most {
				return stop
			}
			return nil
		})
		if err != nil && !errors.Is(err, stop) {
			t.Error(err)
		}
		return ids
	}
	for from, want := range map[string]string{"all": "[1=1 2=2 3=3]", "2": "[2=2 3=3]", "": "[]"} {
		if got := fmt.Sprint(read(from, false, 0)); got != want {
			t.Errorf("from %q: %s", from, got)
		}
	}
	err := r.Tail(t.Context(), "t", "5", false, func(Tailed) error { return nil })
	if fault.CodeOf(err) != fault.Invalid || err.Error() != "topic t has no sequence 5 yet; its newest is 3" {
		t.Errorf("%v", err)
	}
	if got := read("4", false, 0); len(got) != 0 {
		t.Errorf("before the next: %v", got)
	}
	done := make(chan string)
	go func() { done <- fmt.Sprint(read("3", true, 2)) }()
	r.publish("t", "a:4")
	if got := <-done; got != "[3=3 4=4]" {
		t.Error(got)
	}
}
