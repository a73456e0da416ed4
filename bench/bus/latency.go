//go:build linux

package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// sender publishes one event to topic push, whose data is when it was due.
type sender func(id uint64, due time.Time) error

// pushed takes what came of n events: how long after it was due each was delivered.
type pushed func(ctx context.Context, n int) ([]time.Duration, error)

// senders is how many publishes can wait for their answers at a time.
const senders = 64

// latency publishes at a fixed rate, whether or not others are answered, in rounds
// that begin with each contender in turn.
func (b *bench) latency(ctx context.Context, perSecond int) (latencyOutcome, error) {
	o := latencyOutcome{PerSecond: perSecond}
	names, open := []string{"banyan"}, map[string]pusher{"banyan": b.banyan.push}
	if b.nats != nil {
		names, open["JetStream"] = append(names, "JetStream"), b.nats.push
	}
	if b.rabbit != nil {
		names, open["RabbitMQ"] = append(names, "RabbitMQ"), b.rabbit.push
	}
	if b.kafka != nil {
		names, open["Kafka"] = append(names, "Kafka"), b.kafka.push
	}
	acks, pushes := map[string][]quantiles{}, map[string][]quantiles{}
	for round := range b.rounds {
		if err := b.probe(); err != nil {
			return o, err
		}
		for i := range names {
			name := names[(round+i)%len(names)]
			if b.failed[name] {
				continue
			}
			ack, push, err := b.latencyOf(ctx, open[name], perSecond)
			if err == nil {
				acks[name], pushes[name] = append(acks[name], ack), append(pushes[name], push)
			} else if err := b.broke(name, err); err != nil {
				return o, err
			}
		}
	}
	for _, name := range names {
		if len(acks[name]) == 0 {
			continue
		}
		o.Figures = append(o.Figures, latencyFigure{name, middle(acks[name]), middle(pushes[name])})
	}
	return o, nil
}

// pusher opens what events are published with and taken by.
type pusher func(ctx context.Context) (send []sender, came pushed, done func(), err error)

func (b *bench) latencyOf(ctx context.Context, open pusher, perSecond int) (ack, push quantiles, err error) {
	send, came, done, err := open(ctx)
	if err != nil {
		return ack, push, err
	}
	defer done()
	const times = 4 // rare latencies are few
	warm := int(b.warm.Seconds() * float64(perSecond))
	n := warm + int(times*b.duration.Seconds()*float64(perSecond))
	due := make(chan time.Time, n)
	var mu sync.Mutex
	var acks []time.Duration
	failed := make(chan error, len(send))
	var wg sync.WaitGroup
	for _, s := range send {
		wg.Go(func() {
			for at := range due {
				if err := s(lastID.Add(1), at); err != nil {
					failed <- err
					return
				}
				took := time.Since(at)
				mu.Lock()
				acks = append(acks, took)
				mu.Unlock()
			}
		})
	}
	began := time.Now()
	for i := range n {
		at := began.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
		sleep(ctx, time.Until(at))
		due <- at
	}
	close(due)
	wg.Wait()
	select {
	case err := <-failed:
		return ack, push, err
	default:
	}
	pushes, err := came(ctx, n)
	if err != nil {
		return ack, push, err
	}
	return quantilesOf(acks[warm:]), quantilesOf(pushes[warm:]), ctx.Err()
}

func (b *banyan) push(ctx context.Context) (send []sender, came pushed, done func(), err error) {
	var all []*httpPublisher
	done = func() {
		for _, p := range all {
			p.close()
		}
	}
	for range senders {
		p, err := newHTTPPublisher(ctx, b.host, 256)
		if err != nil {
			done()
			return nil, nil, nil, err
		}
		all = append(all, p)
		send = append(send, func(id uint64, due time.Time) error {
			return p.post("push", id, strconv.FormatInt(due.UnixNano(), 10))
		})
	}
	return send, b.came, done, nil
}

// came waits until the service has got n events.
func (b *banyan) came(ctx context.Context, n int) ([]time.Duration, error) {
	var all []time.Duration
	for range 200 {
		if err := b.ask(ctx, "/came", &all); err != nil {
			return nil, err
		}
		if len(all) >= n {
			return all, b.ask(ctx, "/forget", new(string))
		}
		sleep(ctx, 50*time.Millisecond)
	}
	return nil, fmt.Errorf("of %d events %d were delivered", n, len(all))
}

func (s *natsServer) push(ctx context.Context) (send []sender, came pushed, done func(), err error) {
	consumer, err := s.conns[0].CreateConsumer(ctx, "push", jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverNewPolicy,
	})
	if err != nil {
		return nil, nil, nil, err
	}
	latencies := make(chan time.Duration, 1<<16)
	taking, err := consumer.Consume(func(m jetstream.Msg) {
		latencies <- lateness(m.Data())
		_ = m.Ack() // else it comes again, and too many are counted
	})
	if err != nil {
		return nil, nil, nil, err
	}
	for n := range senders {
		js := s.conns[n%natsConns]
		send = append(send, func(id uint64, due time.Time) error {
			_, err := js.Publish(ctx, "push", strconv.AppendInt(nil, due.UnixNano(), 10), jetstream.WithMsgID(strconv.FormatUint(id, 10)))
			return err
		})
	}
	return send, collect(latencies), taking.Stop, nil
}
