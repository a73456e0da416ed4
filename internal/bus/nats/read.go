package nats

import (
	"context"
	"errors"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
	"github.com/banyanrun/banyan/internal/fault"
)

// fetchMost and fetchBytes bound what is asked of the server at once.
const (
	fetchMost  = 512
	fetchBytes = 16 << 20
	// attempts is how many errors end a call.
	attempts = 3
	// hearsay is how long a server of a cluster may take to hear of a consumer that
	// another one has just made: until then it says that nobody is there.
	hearsay = time.Second
)

// Read implements engine.Engine.
func (e *Engine) Read(ctx context.Context, name string, from engine.Position, most int) ([]engine.Stored, error) {
	t, err := e.topics.Find(ctx, name)
	if err != nil {
		return nil, err
	}
	info, err := t.state(ctx)
	if err != nil {
		return nil, err
	}
	have := kept(info.State)
	from, more, err := remote.From(t.subject, have, from)
	if err != nil {
		return nil, err
	}
	if !more {
		_, lost := t.settings()
		return nil, lost
	}
	r := &reader{t: t, at: from.Offset}
	defer r.Close()
	for r.at < have.End.Offset {
		stored, err := r.Next(ctx, min(most, int(have.End.Offset-r.at)))
		if err != nil || len(stored) > 0 {
			return stored, err
		}
	}
	return nil, nil
}

// Find implements engine.Engine. Where the clock went back, any place at which
// events from before the time meet later ones may be found.
func (e *Engine) Find(ctx context.Context, name string, at time.Time) ([]engine.Position, error) {
	t, err := e.topics.Find(ctx, name)
	if err != nil {
		return nil, err
	}
	info, err := t.state(ctx)
	if err != nil {
		return nil, err
	}
	have := kept(info.State)
	n, err := t.search(ctx, have.Start.Offset, have.End.Offset, func(m *jetstream.RawStreamMsg) bool {
		if r, ok := decode(m.Header, nil); ok {
			return !r.Time.Before(at)
		}
		return !m.Time.Before(at)
	})
	return []engine.Position{{Offset: n}}, err
}

// search returns the offset, from start to end, behind which messages are later.
func (t *topic) search(ctx context.Context, start, end uint64, later func(*jetstream.RawStreamMsg) bool) (uint64, error) {
	stream, err := t.look(ctx)
	if err != nil {
		return 0, err
	}
	for start < end {
		middle := start + (end-start)/2
		bound, cancel := t.e.within(ctx, patience)
		m, err := stream.GetMsg(bound, middle+1)
		cancel()
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound): // removed meanwhile
			start = middle + 1
		case err != nil:
			return 0, t.failed(ctx, err)
		case later(m):
			end = middle
		default:
			start = middle + 1
		}
	}
	return start, nil
}

// reader reads one message after the other, by a consumer that it makes anew
// whenever something is not as it should be.
type reader struct {
	t        *topic
	at       uint64 // what was read last
	anywhere bool   // the first message may have any offset
	consumer jetstream.Consumer
	fetches  int                    // of the consumer
	waiting  jetstream.MessageBatch // asks for one message more
	until    <-chan struct{}        // closed when the connection of the two is lost
}

// Next implements remote.Reader. It returns none where messages were others' than
// Banyan's.
func (r *reader) Next(ctx context.Context, most int) ([]engine.Stored, error) {
	want, _ := r.t.settings()
	most = min(most, fetchMost, max(1, fetchBytes/(want.MaxEvent+overhead)))
	for attempt := 1; ; attempt++ {
		if err := r.open(ctx); err != nil {
			return nil, err
		}
		got, err := r.heard(ctx, most)
		switch {
		case r.t.e.life.Err() != nil:
			return nil, engine.ErrClosed
		case ctx.Err() != nil && len(got) == 0:
			return nil, ctx.Err()
		case errors.Is(err, engine.ErrDamaged):
			return nil, err
		case err != nil && len(got) == 0 && attempt == attempts:
			r.drop()
			return nil, r.t.failed(ctx, err)
		case err != nil:
			r.drop() // and see what the server says now
		}
		if len(got) == 0 {
			continue
		}
		stored, err := r.accept(ctx, got)
		if err != nil || r.consumer != nil || len(stored) > 0 {
			return stored, err
		}
	}
}

// open makes the consumer.
func (r *reader) open(ctx context.Context) error {
	if r.consumer != nil {
		return nil
	}
	bound, cancel := r.t.e.within(ctx, patience)
	defer cancel()
	r.until = r.t.e.connection() // before asking
	consumer, err := r.t.e.js.CreateConsumer(bound, r.t.stream, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: r.at + 1, AckPolicy: jetstream.AckNonePolicy,
		MemoryStorage: true, Replicas: 1, InactiveThreshold: 5 * time.Minute,
	})
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return r.t.lose(damaged("stream "+r.t.stream, "it was removed"))
	}
	if err != nil {
		return r.t.failed(ctx, err)
	}
	r.consumer, r.fetches = consumer, 0
	return nil
}

// heard is fetch, which is tried again while the consumer is not known everywhere.
func (r *reader) heard(ctx context.Context, most int) ([]jetstream.Msg, error) {
	pause := time.Millisecond
	for end := time.Now().Add(hearsay); ; pause *= 2 {
		got, err := r.fetch(ctx, most)
		if !errors.Is(err, client.ErrNoResponders) || len(got) > 0 || time.Now().Add(pause).After(end) {
			return got, err
		}
		r.waiting = nil
		r.fetches-- // it has taken nothing
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, err
		case <-r.t.e.life.Done():
			return nil, err
		}
	}
}

// fetch takes what is there, or waits for one message.
func (r *reader) fetch(ctx context.Context, most int) (got []jetstream.Msg, err error) {
	if r.waiting == nil {
		r.fetches++
		batch, err := r.consumer.FetchNoWait(most)
		if err != nil {
			return nil, err
		}
		if got, err = r.collect(ctx, batch, most); err != nil || len(got) > 0 {
			return got, err
		}
		if _, lost := r.t.settings(); lost != nil {
			return nil, lost
		}
		r.fetches++
		if r.waiting, err = r.consumer.Fetch(1, jetstream.FetchMaxWait(30*time.Second)); err != nil {
			return nil, err
		}
	}
	if got, err = r.collect(ctx, r.waiting, 1); ctx.Err() == nil || len(got) > 0 {
		r.waiting = nil // otherwise the next call waits on
	}
	return got, err
}

// collect takes messages until the batch has ended or there are enough.
func (r *reader) collect(ctx context.Context, batch jetstream.MessageBatch, most int) (got []jetstream.Msg, err error) {
	for len(got) < most {
		select {
		case m, ok := <-batch.Messages():
			if !ok {
				return got, batch.Error()
			}
			got = append(got, m)
		case <-ctx.Done():
			return got, nil
		case <-r.t.e.life.Done():
			return got, nil
		case <-r.until:
			return got, errBroken
		}
	}
	return got, nil
}

// accept checks that messages follow each other, and decodes them.
func (r *reader) accept(ctx context.Context, got []jetstream.Msg) (stored []engine.Stored, err error) {
	for _, m := range got {
		meta, err := m.Metadata()
		if err != nil {
			return nil, fault.New(fault.Internal, "nats: %w", err)
		}
		at := meta.Sequence.Stream
		if at <= r.at {
			continue
		}
		if at != r.at+1 && !r.anywhere {
			if len(stored) > 0 {
				r.drop()
				return stored, nil
			}
			return nil, r.gap(ctx)
		}
		r.at, r.anywhere = at, false
		record, ok := decode(m.Headers(), m.Data())
		if !ok {
			r.t.e.log.Warn("a message that Banyan did not publish is passed over", "stream", r.t.stream, "sequence", at)
			continue
		}
		stored = append(stored, engine.Stored{Position: engine.Position{Offset: at}, Record: record})
	}
	return stored, nil
}

// gap finds out why the next message is missing: retention has removed it, it is
// lost, or it only went astray and another consumer will have it.
func (r *reader) gap(ctx context.Context) error {
	first := r.fetches == 1 // a later one may miss what an earlier one gave up waiting for
	r.drop()
	info, err := r.t.state(ctx)
	if err != nil {
		return err
	}
	if start := kept(info.State).Start.Offset; start > r.at {
		return remote.Gone(r.t.subject, start)
	}
	if first {
		return r.t.lose(damaged("stream "+r.t.stream, "message %d is missing", r.at+1))
	}
	return nil
}

// drop forgets the consumer. The server does, too, after a while.
func (r *reader) drop() { r.consumer, r.waiting = nil, nil }

// Close implements remote.Reader. It removes the consumer, if that can be done at once.
func (r *reader) Close() {
	if r.consumer == nil || r.t.e.life.Err() != nil {
		return
	}
	ctx, cancel := r.t.e.within(context.Background(), 500*time.Millisecond)
	defer cancel()
	_ = r.t.e.js.DeleteConsumer(ctx, r.t.stream, r.consumer.CachedInfo().Name)
	r.drop()
}
