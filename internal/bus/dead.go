package bus

import (
	"context"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/flow"
	"github.com/banyanrun/banyan/internal/bus/progress"
)

// Attributes that an event on a dead-letter topic has beside its own.
const (
	deadTopic    = "banyandeadtopic"
	deadService  = "banyandeadservice"
	deadAttempts = "banyandeadattempts"
	deadError    = "banyandeaderror"
)

// bury stores a dead letter, and with it its publication on a topic, if that is not empty.
func (b *Bus) bury(ctx context.Context, d progress.Dead, topic string) error {
	if topic == "" {
		return b.progress.AddDead(ctx, d, nil)
	}
	r := d.Event.Record
	// The same event may be dead for several services and is published for each.
	r.ID = engine.IDOf("dead/"+d.Topic+"/"+d.Service, string(r.ID[:]))
	r.Dedup = delayedDedup
	r.Attrs = append(append([]engine.Attr(nil), r.Attrs...),
		engine.Attr{Name: deadTopic, Value: d.Topic}, engine.Attr{Name: deadService, Value: d.Service},
		engine.Attr{Name: deadAttempts, Value: strconv.Itoa(d.Attempts)}, engine.Attr{Name: deadError, Value: printable(d.Error)})
	now := time.Now()
	if err := b.progress.AddDead(ctx, d, &progress.Delayed{Due: now, Topic: topic, Event: r}); err != nil {
		return err
	}
	b.delayed.Add(1)
	b.wake.set()
	return nil
}

// printable replaces what an attribute cannot hold.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
}

// ListDead returns at most most dead letters of a topic with numbers above after,
// in the order in which they were given up. An empty service means all.
func (b *Bus) ListDead(ctx context.Context, topic, service string, after int64, most int) ([]progress.Dead, error) {
	return b.progress.ListDead(ctx, topic, service, after, most)
}

// Report is what came of a redrive or a replay.
type Report struct {
	Delivered int
	Failed    int // after all attempts
	Lost      int // no longer kept when their turn came
}

// Redrive delivers dead letters of a subscription once more, in the order in which
// they were given up, as many at a time as the subscription allows, and removes
// those that the service takes. No numbers mean all that there are now. It returns
// when each was tried, or the context ends; the rest then stays.
func (b *Bus) Redrive(ctx context.Context, topic, service string, numbers []int64) (Report, error) {
	_, s, err := b.find(topic, service)
	if err != nil {
		return Report{}, err
	}
	name := progress.Name{Topic: topic, Service: service}
	if len(numbers) == 0 {
		numbers = nil
	}
	for _, n := range numbers {
		d, found, err := b.progress.GetDead(ctx, n)
		if err != nil {
			return Report{}, err
		}
		if !found || d.Name != name {
			return Report{}, refuse(NoDeadLetter, topic, "service %s has no dead letter %d of topic %s", service, n, topic).
				fix("`banyan events dead %s` lists those there are", topic)
		}
	}
	spec, config := s.job()
	config.MaxAttempts = 1
	return b.job(ctx, name, &deadSource{store: b.progress, name: name, numbers: numbers, letters: map[int64]progress.Dead{}}, spec, config, "")
}

// deadSource gives dead letters as records of a partition whose offsets are their numbers.
type deadSource struct {
	store   *progress.Store
	name    progress.Name
	numbers []int64 // nil: all
	after   int64

	mu      sync.Mutex
	letters map[int64]progress.Dead // that are being delivered
}

func (s *deadSource) next(ctx context.Context, most int) ([]engine.Stored, error) {
	const page = 64
	letters, err := s.page(ctx, min(most, page))
	if err != nil {
		return nil, err
	}
	if len(letters) == 0 {
		return nil, io.EOF
	}
	s.after = letters[len(letters)-1].N
	return s.give(letters), nil
}

func (s *deadSource) page(ctx context.Context, most int) ([]progress.Dead, error) {
	if s.numbers == nil {
		return s.store.ListDead(ctx, s.name.Topic, s.name.Service, s.after, most)
	}
	var letters []progress.Dead
	for len(s.numbers) > 0 && len(letters) < most {
		d, found, err := s.store.GetDead(ctx, s.numbers[0])
		if err != nil {
			return nil, err
		}
		s.numbers = s.numbers[1:]
		if found {
			letters = append(letters, d)
		}
	}
	return letters, nil
}

func (s *deadSource) give(letters []progress.Dead) []engine.Stored {
	s.mu.Lock()
	defer s.mu.Unlock()
	records := make([]engine.Stored, len(letters))
	for i, d := range letters {
		records[i] = engine.Stored{Position: engine.Position{Offset: uint64(d.N)}, Record: d.Event.Record}
		d.Event.Record = engine.Record{}
		s.letters[d.N] = d
	}
	return records
}

func (s *deadSource) load(ctx context.Context, places []engine.Position) ([]engine.Stored, error) {
	var letters []progress.Dead
	for _, at := range places {
		d, found, err := s.store.GetDead(ctx, int64(at.Offset))
		if err != nil {
			return nil, err
		}
		if found {
			letters = append(letters, d)
		}
	}
	return s.give(letters), nil
}

func (s *deadSource) skipped(context.Context) (uint64, error) { return 0, nil }
func (s *deadSource) close()                                  {}

func (s *deadSource) take(at engine.Position) progress.Dead {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.letters[int64(at.Offset)]
}

func (s *deadSource) place(at engine.Position) engine.Position { return s.take(at).Event.Position }

func (s *deadSource) attempt(d flow.Delivery) int { return s.take(d.Position).Attempts + d.Attempt }

// delivered removes the dead letter. If that fails, it is delivered again some day.
func (s *deadSource) delivered(ctx context.Context, d flow.Delivery) error {
	n := int64(d.Offset)
	err := s.store.RemoveDead(ctx, n)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.letters, n)
	return err
}

// buried stores what came of the new attempt.
func (s *deadSource) buried(ctx context.Context, d flow.Delivery, v flow.Verdict, a answer) error {
	letter := s.take(d.Position)
	letter.Event.Record = *d.Record
	letter.Attempts += v.Attempts
	letter.Last, letter.Status, letter.Error, letter.Response = time.Now(), a.status, a.err, a.response
	return s.store.AddDead(ctx, letter, nil)
}
