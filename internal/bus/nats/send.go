package nats

import (
	"context"
	"errors"
	"strconv"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/fault"
)

// rounds is how often a group is sent: once, again without its duplicates, and
// some times more in case of another publisher.
const rounds = 6

// tail is the stream's end, as its writer knows it.
type tail struct {
	known  bool
	last   uint64 // sequence
	bytes  int64
	copies bool // the stream has replicas, and the server checks in another order
}

// learn asks the server for the tail, and returns what else it says.
func (t *topic) learn(ctx context.Context) (jetstream.StreamState, error) {
	info, err := t.state(ctx)
	if err != nil {
		return jetstream.StreamState{}, err
	}
	if _, lost := t.settings(); lost != nil {
		return jetstream.StreamState{}, lost
	}
	t.tail = tail{known: true, last: info.State.LastSeq, bytes: int64(info.State.Bytes), copies: info.Config.Replicas > 1}
	return info.State, nil
}

// send stores items in order; what it returns an error for was stored up to some item.
func (t *topic) send(ctx context.Context, items []*item) error {
	for range rounds {
		items = unstored(items)
		if len(items) == 0 {
			return nil
		}
		err := t.chain(ctx, items)
		if !overtaken(err) {
			if err != nil {
				return t.failed(ctx, err)
			}
			return nil
		}
		// What followed a duplicate came after another message than it said; or somebody else publishes.
		if _, err := t.learn(ctx); err != nil {
			return err
		}
		if err := t.probe(ctx, unstored(items)); err != nil {
			return err
		}
	}
	return fault.New(fault.Unavailable, "others publish to %s all the time", t.subject).Fix("let nobody but Banyan publish there")
}

func unstored(items []*item) (left []*item) {
	for _, it := range items {
		if !it.stored {
			left = append(left, it)
		}
	}
	return left
}

// chain sends each item to come right after the one before it. It says that by
// sequence, which others may have taken, and by the ID before, which may be the
// last one from an earlier call; not both at once. With replicas it is the
// sequence alone: the server looks at the ID before when it has noted the ID of
// the message as being stored, and forgets neither. chain returns the first
// error, behind which nothing but duplicates is stored.
func (t *topic) chain(ctx context.Context, items []*item) (first error) {
	next, before, ids := t.last, "", map[string]bool{}
	broken := t.e.connection() // before anything is sent
	answers := make([]jetstream.PubAckFuture, 0, len(items))
	for _, it := range items {
		m := encode(t.subject, it.Record)
		id := m.Header.Get(client.MsgIdHdr)
		m.Header.Set(client.ExpectedLastSeqHdr, strconv.FormatUint(next, 10))
		if before != "" && !t.copies {
			m.Header.Set(client.ExpectedLastMsgIdHdr, before)
		}
		var answer jetstream.PubAckFuture
		if answer, first = t.post(m); first != nil {
			break
		}
		answers = append(answers, answer)
		if ids[id] {
			continue
		}
		ids[id] = id != ""
		before = id
		next++
	}
	for i, answer := range answers {
		ack, err := await(ctx, broken, answer)
		if err != nil {
			if first == nil || overtaken(first) && !overtaken(err) {
				first = err
			}
			continue
		}
		t.place(items[i], ack)
	}
	return first
}

func (t *topic) place(it *item, ack *jetstream.PubAck) {
	it.stored = true
	it.placed = engine.Placed{Position: engine.Position{Offset: ack.Sequence}, Duplicate: ack.Duplicate}
	t.reached(ack.Sequence)
	if !ack.Duplicate {
		t.last = ack.Sequence
		t.bytes += it.size
	}
}

// probe finds duplicates: it asks for each ID to be stored, and sets a condition
// that cannot hold and that the server looks at after that of the ID.
func (t *topic) probe(ctx context.Context, items []*item) error {
	broken := t.e.connection()
	var asked []*item
	var answers []jetstream.PubAckFuture
	for _, it := range items {
		if it.Dedup <= 0 {
			continue
		}
		m := encode(t.subject, engine.Record{ID: it.ID, Dedup: it.Dedup})
		if t.copies {
			m.Header.Set(client.ExpectedLastSeqHdr, strconv.FormatUint(1<<62, 10))
		} else {
			m.Header.Set(client.ExpectedLastMsgIdHdr, "none")
		}
		answer, err := t.post(m)
		if err != nil {
			return t.failed(ctx, err)
		}
		asked, answers = append(asked, it), append(answers, answer)
	}
	for i, answer := range answers {
		ack, err := await(ctx, broken, answer)
		switch {
		case err == nil && ack.Duplicate:
			t.place(asked[i], ack)
		case err == nil:
			return fault.New(fault.Internal, "nats stored what it was asked not to, at %d of %s", ack.Sequence, t.stream)
		case !overtaken(err):
			return t.failed(ctx, err)
		}
	}
	return nil
}

// post sends a message to the stream and no other, once.
func (t *topic) post(m *client.Msg) (jetstream.PubAckFuture, error) {
	m.Header.Set(client.ExpectedStreamHdr, t.stream)
	return t.e.js.PublishMsgAsync(m, jetstream.WithRetryAttempts(0))
}

func await(ctx context.Context, broken <-chan struct{}, answer jetstream.PubAckFuture) (*jetstream.PubAck, error) {
	select {
	case ack := <-answer.Ok():
		return ack, nil
	case err := <-answer.Err():
		return nil, err
	case <-broken:
		return nil, errBroken
	case <-ctx.Done():
		return nil, errors.New("the server does not answer")
	}
}
