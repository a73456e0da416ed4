//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/banyanrun/banyan/internal/bus/brokertest"
	"github.com/banyanrun/banyan/internal/bus/engine"
)

// What is stored before it is consumed: events of so many bytes, so many at a time.
const (
	drainBytes = 256
	drainBatch = 500
)

// drainer stores n events and returns how long one consumer then takes to get them all.
type drainer func(ctx context.Context, n int) (time.Duration, error)

// consume has all contenders consume a backlog, in rounds that each begin with another one.
func (b *bench) consume(ctx context.Context) ([]rate, error) {
	type contestant struct {
		name  string
		drain drainer
	}
	list := []contestant{{"log", b.engine.drain}, {"banyan", b.banyan.drain}}
	if b.nats != nil {
		list = append(list, contestant{"JetStream", b.nats.drain})
	}
	if b.rabbit != nil {
		list = append(list, contestant{"RabbitMQ", b.rabbit.drain})
	}
	if b.kafka != nil {
		list = append(list, contestant{"Kafka", b.kafka.drain})
	}
	n := 10_000
	if b.quick {
		n = 5_000
	}
	samples := make([][]float64, len(list))
	for round := range b.rounds {
		for i := range list {
			c := (round + i) % len(list)
			if b.failed[list[c].name] {
				continue
			}
			took, err := list[c].drain(ctx, n)
			if err == nil {
				samples[c] = append(samples[c], float64(n)/took.Seconds())
			} else if err := b.broke(list[c].name, err); err != nil {
				return nil, err
			}
		}
	}
	var rates []rate
	for i, c := range list {
		if len(samples[i]) == 0 {
			continue
		}
		rates = append(rates, rate{c.name, median(samples[i]), slices.Min(samples[i]), slices.Max(samples[i])})
	}
	return rates, nil
}

// counter waits until so many came.
type counter struct {
	left atomic.Int64
	done chan struct{}
}

func newCounter(n int) *counter {
	c := &counter{done: make(chan struct{})}
	c.left.Store(int64(n))
	return c
}

func (c *counter) add(n int) {
	if left := c.left.Add(int64(-n)); left <= 0 && left > int64(-n) {
		close(c.done)
	}
}

// wait returns how long it took since began.
func (c *counter) wait(ctx context.Context, began time.Time) (time.Duration, error) {
	select {
	case <-c.done:
		return time.Since(began), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(2 * time.Minute):
		return 0, fmt.Errorf("%d events did not come", c.left.Load())
	}
}

func (r *engineRoom) drain(ctx context.Context, n int) (time.Duration, error) {
	stat, err := r.Stat(ctx, "drain")
	if err != nil {
		return 0, err
	}
	p := &enginePublisher{r.Journal, "drain", make([]byte, drainBytes)}
	for range n / drainBatch {
		if err := p.publish(ctx, freshIDs(drainBatch), new(atomic.Int64)); err != nil {
			return 0, err
		}
	}
	began := time.Now()
	c, err := r.Open(ctx, "drain", "bench", []engine.Position{stat.Partitions[0].End})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	for got := 0; got < n; {
		stored, err := c.Next(ctx, 1000)
		if err != nil {
			return 0, err
		}
		got += len(stored)
	}
	return time.Since(began), nil
}

// drain has the service hold its events back, and then let them come.
func (b *banyan) drain(ctx context.Context, n int) (time.Duration, error) {
	if err := b.command(ctx, "events", "pause", "push", "service"); err != nil {
		return 0, err
	}
	p, err := newHTTPPublisher(ctx, b.host, 256)
	if err != nil {
		return 0, err
	}
	defer p.close()
	for range n / drainBatch {
		if err := p.batch("push", freshIDs(drainBatch), "1"); err != nil {
			return 0, err
		}
	}
	began := time.Now()
	if err := b.command(ctx, "events", "resume", "push", "service"); err != nil {
		return 0, err
	}
	for count := 0; count < n; {
		sleep(ctx, 20*time.Millisecond)
		if err := errors.Join(ctx.Err(), b.ask(ctx, "/count", &count)); err != nil {
			return 0, err
		}
		if time.Since(began) > 2*time.Minute {
			return 0, fmt.Errorf("of %d events %d were delivered", n, count)
		}
	}
	took := time.Since(began)
	return took, b.ask(ctx, "/forget", new(string))
}

func (s *natsServer) drain(ctx context.Context, n int) (time.Duration, error) {
	for range n / drainBatch {
		acks := make([]jetstream.PubAckFuture, drainBatch)
		for i := range acks {
			var err error
			if acks[i], err = s.conns[0].PublishAsync("drain", make([]byte, drainBytes)); err != nil {
				return 0, err
			}
		}
		for _, ack := range acks {
			select {
			case <-ack.Ok():
			case err := <-ack.Err():
				return 0, err
			}
		}
	}
	stream, err := s.conns[0].Stream(ctx, "drain")
	if err != nil {
		return 0, err
	}
	began := time.Now()
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq: stream.CachedInfo().State.LastSeq - uint64(n) + 1,
	})
	if err != nil {
		return 0, err
	}
	count := newCounter(n)
	taking, err := consumer.Consume(func(m jetstream.Msg) {
		_ = m.Ack() // else it comes again, and too many are counted
		count.add(1)
	})
	if err != nil {
		return 0, err
	}
	defer taking.Stop()
	return count.wait(ctx, began)
}

func freshIDs(n int) []uint64 {
	last := lastID.Add(uint64(n))
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = last - uint64(i)
	}
	return ids
}

// lateness is how long ago that was which an event's data says.
func lateness(data []byte) time.Duration {
	due, _ := strconv.ParseInt(string(data), 10, 64) // it is ours
	return time.Since(time.Unix(0, due))
}

// collect takes what comes.
func collect(latencies <-chan time.Duration) pushed {
	return func(ctx context.Context, n int) ([]time.Duration, error) {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		all := make([]time.Duration, 0, n)
		for len(all) < n {
			select {
			case d := <-latencies:
				all = append(all, d)
			case <-ctx.Done():
				return nil, errors.New("not all messages came")
			}
		}
		return all, nil
	}
}

// missing prints that a peer is left out, and returns other errors.
func missing(err error) error {
	if why, ok := errors.AsType[brokertest.MissingError](err); ok {
		fmt.Fprintln(os.Stderr, "left out:", why)
		return nil
	}
	return err
}
