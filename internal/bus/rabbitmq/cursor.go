package rabbitmq

import (
	"context"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
)

// window is how many records a cursor gives while none of them is Done. It must not
// shrink: then all that comes again is there before anything else, and in order.
const window = 1000

// cursor implements engine.Cursor.
type cursor struct {
	*remote.Cursor
	r *reader
}

// Open implements engine.Engine.
func (e *Engine) Open(ctx context.Context, name, group string, from []engine.Position) (engine.Cursor, error) {
	t, err := e.topics.Find(ctx, name)
	if err != nil {
		return nil, err
	}
	r := &reader{t: t, queue: t.queueOf(group)}
	for _, p := range from {
		r.at = max(r.at, p.Offset)
	}
	return &cursor{remote.NewCursor(e.life, r), r}, nil
}

// Done implements engine.Cursor. What the present channel did not give comes again,
// and can be done with then.
func (c *cursor) Done(ctx context.Context, positions []engine.Position) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := c.r.current()
	if s == nil {
		return nil
	}
	if err := s.done(positions); err != nil {
		return c.r.t.e.failed(ctx, c.r.where(), err)
	}
	return nil
}

// reader reads a queue, by a channel that it makes anew when the last one is over.
type reader struct {
	t     *topic
	queue string
	at    uint64 // the highest that was read
	from  uint64 // the highest that was read before this channel

	mu sync.Mutex // guards s, which Done uses, too
	s  *session
}

func (r *reader) current() *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.s
}

func (r *reader) use(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.s = s
}

func (r *reader) where() string { return "rabbitmq queue " + r.queue }

// Next implements remote.Reader.
func (r *reader) Next(ctx context.Context, most int) ([]engine.Stored, error) {
	s := r.current()
	if s == nil {
		var err error
		if s, err = r.begin(ctx); err != nil {
			return nil, r.t.e.failed(ctx, r.where(), err)
		}
		r.from = r.at
		r.use(s)
	}
	var stored []engine.Stored
	select {
	case m, ok := <-s.in:
		if !ok {
			r.use(nil)
			return nil, r.t.e.failed(ctx, r.where(), s.why())
		}
		for {
			one, err := r.accept(ctx, s, &m)
			if err != nil {
				r.Close() // and it comes again
				return stored, err
			}
			stored = append(stored, one...)
			if len(stored) >= most {
				return stored, nil
			}
			select {
			case m, ok = <-s.in:
				if !ok {
					return stored, nil // the next call finds out
				}
			default:
				return stored, nil
			}
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// accept decodes a message. Offsets rise; one that does not was published when the
// connection was lost, or the server gave it back late. It may be an event that was
// acknowledged and that the group does not have, which would be taken for one that
// it has. So it is published anew, for this group alone.
func (r *reader) accept(ctx context.Context, s *session, m *amqp.Delivery) ([]engine.Stored, error) {
	record, ok := decode(m)
	if !ok {
		r.t.e.log.Warn("a message that Banyan did not publish is passed over", "queue", r.queue)
		return nil, s.take(m.DeliveryTag)
	}
	if record.Offset > r.from && record.Offset <= r.at {
		r.t.e.log.Warn("an event comes late, and is put at the queue's end", "queue", r.queue, "offset", record.Offset)
		c, err := r.t.newCall([]engine.Record{record.Record})
		if err != nil {
			return nil, err
		}
		c.queue = r.queue
		if _, err := r.t.publish(ctx, c); err != nil {
			return nil, err
		}
		return nil, s.take(m.DeliveryTag)
	}
	r.at = max(r.at, record.Offset)
	s.given(record.Offset, m.DeliveryTag)
	return []engine.Stored{record}, nil
}

// begin opens a channel and consumes.
func (r *reader) begin(ctx context.Context) (*session, error) {
	type result struct {
		s   *session
		err error
	}
	begun := make(chan result, 1)
	err := r.t.e.begin(func() {
		bound, cancel := context.WithTimeout(r.t.e.life, patience)
		defer cancel()
		s, err := r.consume(bound)
		if err == nil && ctx.Err() != nil { // nobody waits for it
			s.close()
		}
		begun <- result{s, err}
	})
	if err != nil {
		return nil, err
	}
	select {
	case b := <-begun:
		return b.s, b.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *reader) consume(ctx context.Context) (*session, error) {
	ch, err := r.t.e.in.channel(ctx)
	if err != nil {
		return nil, err
	}
	s := newSession(ch)
	if err = ch.Qos(window, 0, false); err == nil {
		s.in, err = ch.Consume(r.queue, "", false, false, false, false, nil)
	}
	if err == nil {
		return s, nil
	}
	s.close()
	if refusedWith(err, amqp.NotFound) {
		return nil, r.t.gone(r.queue)
	}
	return nil, err
}

// Close implements remote.Reader. What was not Done comes again.
func (r *reader) Close() {
	if s := r.current(); s != nil {
		r.use(nil)
		_ = r.t.e.begin(s.close) // otherwise the connection is closed as well
	}
}
