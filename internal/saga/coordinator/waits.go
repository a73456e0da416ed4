package coordinator

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/saga/expr"
	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/saga/store"
)

// Events are read in pages, and who waits for one of a page is asked in pages too.
const (
	eventPage   = 256
	waitingPage = 1000
	readAgain   = time.Second // after an error
)

// waits are the topics that sagas wait for events of. Each is read once, however
// many sagas wait. It may be locked with term.mu not held.
type waits struct {
	mu     sync.Mutex
	begun  bool
	topics map[string]*topic
}

// topic is read from where the first saga that waits for it was started.
type topic struct {
	name string
	// Guarded by waits.mu.
	waiting int            // sagas' steps
	on      map[string]int // what of an event they compare, and how many do
	again   Places         // where to read from again, for waits that are new; nil: nowhere
	stop    context.CancelFunc

	at Places // what was read; for the reader alone
}

// ends returns where topics end now.
func (t *term) ends(ctx context.Context, topics []string) (map[string]Places, error) {
	if len(topics) == 0 {
		return nil, nil
	}
	if t.options.Events == nil {
		return nil, fault.New(fault.Unavailable, "the saga waits for events, and there are none: %w", ErrBusy)
	}
	all := map[string]Places{}
	for _, name := range topics {
		places, err := t.options.Events.End(ctx, name)
		if err != nil {
			return nil, err
		}
		all[name] = places
	}
	return all, nil
}

// changed counts what a saga waits for now, and not any more. before is what it waited for.
func (ws *waits) changed(t *term, s *saga, before []machine.Wait) {
	if len(before) == 0 && len(s.waits) == 0 {
		return
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, w := range s.waits {
		ws.add(t, s, w)
	}
	for _, w := range before {
		topic := ws.topics[w.Topic]
		topic.waiting--
		if topic.on[w.On]--; topic.on[w.On] == 0 {
			delete(topic.on, w.On)
		}
	}
}

// resumed counts what a saga waited for already when the term began.
func (ws *waits) resumed(t *term, s *saga) { ws.changed(t, s, nil) }

// add counts a wait. ws.mu is held.
func (ws *waits) add(t *term, s *saga, w machine.Wait) {
	known := ws.topics[w.Topic]
	if known == nil {
		known = &topic{name: w.Topic, on: map[string]int{}}
		ws.topics[w.Topic] = known
		if ws.begun {
			t.tasks.Go(func() { t.follow(known) })
		}
	}
	known.waiting++
	known.on[w.On]++
	since := s.origin.Since[w.Topic]
	if known.again == nil {
		known.again = maps.Clone(since)
		if known.again == nil {
			known.again = Places{}
		}
	} else {
		known.again = earlier(known.again, since)
	}
	if known.stop != nil {
		known.stop()
	}
}

// begin begins to read topics, once all that was open is known.
func (ws *waits) begin(t *term) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.begun = true
	for _, topic := range ws.topics {
		t.tasks.Go(func() { t.follow(topic) })
	}
}

// earlier returns places from which all that is behind a or b is read.
func earlier(a, b Places) Places {
	all := Places{}
	for p, offset := range a {
		if other, ok := b[p]; ok {
			all[p] = min(offset, other)
		}
	}
	return all
}

// follow reads a topic until the term ends.
func (t *term) follow(topic *topic) {
	for t.ctx.Err() == nil {
		ctx, stop := context.WithCancel(t.ctx)
		from, wanted := t.waits.from(topic, stop)
		if !wanted {
			<-ctx.Done()
			stop()
			continue
		}
		events, next, err := t.options.Events.Read(ctx, topic.name, from, eventPage)
		stopped := ctx.Err() != nil
		stop()
		switch {
		case err == nil:
			if t.tell(topic.name, t.waits.ons(topic), events) == nil {
				topic.at = next
			}
		case stopped && t.ctx.Err() == nil: // a wait is new
		default:
			if t.ctx.Err() == nil {
				t.log.Warn("events that sagas wait for cannot be read", "topic", topic.name, "error", err)
			}
			_ = sleep(t.ctx, readAgain) // that the term ends is seen above
		}
	}
}

// from returns where to read from, and has stop called when that changes. Not
// wanted: nobody waits.
func (ws *waits) from(topic *topic, stop context.CancelFunc) (from Places, wanted bool) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	topic.stop = stop
	if topic.waiting == 0 {
		topic.at, topic.again = nil, nil
		return nil, false
	}
	if again := topic.again; again != nil {
		topic.again = nil
		if topic.at == nil {
			topic.at = again
		} else {
			topic.at = earlier(topic.at, again)
		}
	}
	return topic.at, true
}

// ons returns what of an event is compared.
func (ws *waits) ons(topic *topic) []string {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return slices.Sorted(maps.Keys(topic.on))
}

// tell has sagas deal with events that they may wait for.
func (t *term) tell(topic string, ons []string, events []Event) error {
	byValue := map[string][]*Event{}
	for i := range events {
		for _, on := range ons {
			value, ok := "", true
			if on != "" {
				value, ok = expr.Pick(events[i].JSON, on)
			}
			if ok {
				key := waitValue(on, value)
				byValue[key] = append(byValue[key], &events[i])
			}
		}
	}
	if len(byValue) == 0 {
		return nil
	}
	values := slices.Collect(maps.Keys(byValue))
	for after := int64(0); ; {
		var page []store.Waiting
		if err := t.persist("who waits for events cannot be read", func() (err error) {
			page, err = t.options.Store.Waiting(t.ctx, topic, values, after, waitingPage)
			return err
		}); err != nil {
			return err
		}
		for _, w := range page {
			for _, e := range byValue[w.Value] {
				t.post(w.ID, letter{
					event: machine.Happened{Step: w.Step, Event: e.JSON},
					at:    &topicPlace{topic, e.Partition, e.Offset},
				})
			}
		}
		if len(page) < waitingPage {
			return nil
		}
		after = page[len(page)-1].N - 1 // another step of the same saga may come
		if page[0].N == page[len(page)-1].N {
			return errors.New("a saga has too many waits")
		}
	}
}

// waitValue is what events are looked up by.
func waitValue(on, value string) string {
	if on == "" {
		return ""
	}
	return on + "=" + value
}

func storedWaits(waits []machine.Wait) []store.Wait {
	all := make([]store.Wait, len(waits))
	for i, w := range waits {
		all[i] = store.Wait{Topic: w.Topic, Value: waitValue(w.On, w.Value), Step: w.Step}
	}
	return all
}

func sameWaits(a, b []machine.Wait) bool { return slices.EqualFunc(a, b, sameWait) }

func sameWait(a, b machine.Wait) bool {
	return a.Step == b.Step && a.Topic == b.Topic && a.On == b.On && a.Value == b.Value
}
