package rabbitmq

import (
	"errors"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/fault"
)

// session is a channel that consumes.
type session struct {
	ch     *amqp.Channel
	in     <-chan amqp.Delivery
	closed <-chan *amqp.Error
	cancel <-chan string

	mu   sync.Mutex        // guards what follows
	tags map[uint64]uint64 // by offset, of what was given and is not done
	low  uint64            // the lowest tag that is not acknowledged
	over map[uint64]bool   // tags above it that are
}

func newSession(ch *amqp.Channel) *session {
	return &session{
		ch: ch, closed: ch.NotifyClose(make(chan *amqp.Error, 1)), cancel: ch.NotifyCancel(make(chan string, 1)),
		tags: map[uint64]uint64{}, over: map[uint64]bool{}, low: 1,
	}
}

// given notes what has to be acknowledged when an offset is done.
func (s *session) given(offset, tag uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tags[offset] = tag
}

// done acknowledges offsets; those that were not given are passed over.
func (s *session) done(positions []engine.Position) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags := make([]uint64, 0, len(positions))
	for _, p := range positions {
		if tag, ok := s.tags[p.Offset]; ok {
			delete(s.tags, p.Offset)
			tags = append(tags, tag)
		}
	}
	return s.acknowledge(tags)
}

// take acknowledges a message that is not given to anybody.
func (s *session) take(tag uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.acknowledge([]uint64{tag})
}

// acknowledge does so at once for all tags that follow each other from the lowest
// on, and for each of the others.
func (s *session) acknowledge(tags []uint64) error {
	low := s.low
	for _, tag := range tags {
		s.over[tag] = true
	}
	for s.over[s.low] {
		delete(s.over, s.low)
		s.low++
	}
	if s.low > low {
		if err := s.ch.Ack(s.low-1, true); err != nil {
			return err
		}
	}
	for _, tag := range tags {
		if tag >= s.low {
			if err := s.ch.Ack(tag, false); err != nil {
				return err
			}
		}
	}
	return nil
}

var errCancelled = errors.New("the queue was removed, or has no leader")

// why is the reason for which nothing comes any more.
func (s *session) why() error {
	select {
	case err := <-s.closed:
		if err != nil {
			return err
		}
	default:
	}
	select {
	case _, ok := <-s.cancel:
		if ok {
			return fault.New(fault.Unavailable, "%w", errCancelled)
		}
	default:
	}
	return errLost
}

func (s *session) close() { _ = s.ch.Close() }
