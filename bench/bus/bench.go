//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// bench has all contenders running.
type bench struct {
	*options

	dir    string
	engine *engineRoom
	banyan *banyan
	nats   *natsServer   // nil: there is none
	rabbit *rabbitServer // as nats
	kafka  *kafkaServer  // as nats
	syncs  []time.Duration
	failed map[string]bool // peers that broke while they were measured
}

// broke leaves a peer out from now on; what it did before counts. It returns the
// error of what is not a peer.
func (b *bench) broke(name string, err error) error {
	switch name {
	case "JetStream", "JetStream, 10 at a time", "RabbitMQ", "Kafka":
		fmt.Fprintf(os.Stderr, "left out from now on: %s: %v\n", name, err)
		b.failed[name] = true
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

func (b *bench) open(ctx context.Context) (err error) {
	if b.engine, err = openEngine(ctx, filepath.Join(b.dir, "journal")); err != nil {
		return err
	}
	if b.banyan, err = startBanyan(ctx, b.dir); err != nil {
		return err
	}
	if b.options.nats != "-" {
		if b.nats, err = startNATS(ctx, b.dir, b.options.nats); err != nil {
			return err
		}
	}
	if b.alone {
		return nil
	}
	if b.rabbit, err = startRabbitMQ(b.dir); err != nil {
		return err
	}
	b.kafka, err = startKafka(ctx, b.dir)
	return err
}

func (b *bench) close() error {
	var errs []error
	if b.rabbit != nil {
		b.rabbit.stop()
	}
	if b.kafka != nil {
		b.kafka.stop()
	}
	if b.nats != nil {
		errs = append(errs, b.nats.stop())
	}
	if b.banyan != nil {
		errs = append(errs, b.banyan.down())
	}
	if b.engine != nil {
		errs = append(errs, b.engine.Close())
	}
	return errors.Join(errs...)
}

// A publisher publishes so many events at a time, counts those that are durable, and
// returns when all are. ids are unique in the run.
type publisher interface {
	publish(ctx context.Context, ids []uint64, durable *atomic.Int64) error
	close()
}

// contender makes publishers.
type contender struct {
	name string
	size int // events at a time
	dial func(ctx context.Context, bytes int) (publisher, error)
}

func (b *bench) contenders() []contender {
	list := []contender{
		{"log", 1, b.engine.publisher},
		{"HTTP", 1, b.banyan.publisher},
		{"HTTP, 10 a batch", 10, b.banyan.publisher},
	}
	if b.nats != nil {
		list = append(list, contender{"JetStream", 1, b.nats.publisher}, contender{"JetStream, 10 at a time", 10, b.nats.publisher})
	}
	if b.rabbit != nil {
		list = append(list, contender{"RabbitMQ", 1, b.rabbit.publisher})
	}
	if b.kafka != nil {
		list = append(list, contender{"Kafka", 1, b.kafka.publisher})
	}
	return list
}

func (b *bench) measure(ctx context.Context) (*report, error) {
	rep := &report{JetStream: b.nats != nil}
	if b.only == "" || b.only == "publish" {
		for _, bytes := range []int{256, 4096} {
			for _, publishers := range []int{1, 64, 512} {
				o, err := b.contest(ctx, publishers, bytes)
				if err != nil {
					return nil, err
				}
				rep.Publish = append(rep.Publish, o)
			}
		}
	}
	if b.only == "" || b.only == "latency" {
		for _, rate := range []int{200, 1000} {
			o, err := b.latency(ctx, rate)
			if err != nil {
				return nil, err
			}
			rep.Latency = append(rep.Latency, o)
		}
	}
	if b.only == "" || b.only == "consume" {
		var err error
		if rep.Consume, err = b.consume(ctx); err != nil {
			return nil, err
		}
	}
	slices.Sort(b.syncs)
	rep.Sync = quantilesOf(b.syncs)
	return rep, nil
}

// contest lets all contenders publish, one after another, in rounds that each begin
// with another one.
func (b *bench) contest(ctx context.Context, publishers, bytes int) (publishOutcome, error) {
	list := b.contenders()
	samples := make([][]float64, len(list))
	for round := range b.rounds {
		if err := b.probe(); err != nil {
			return publishOutcome{}, err
		}
		for i := range list {
			n := (round + i) % len(list)
			if b.failed[list[n].name] {
				continue
			}
			rate, err := b.rate(ctx, list[n], publishers, bytes)
			if err == nil {
				samples[n] = append(samples[n], rate)
			} else if err := b.broke(list[n].name, err); err != nil {
				return publishOutcome{}, err
			}
		}
	}
	o := publishOutcome{Publishers: publishers, Bytes: bytes}
	for i, c := range list {
		if len(samples[i]) > 0 {
			o.Rates = append(o.Rates, rate{c.name, median(samples[i]), slices.Min(samples[i]), slices.Max(samples[i])})
		}
	}
	return o, nil
}

// lastID is that of the event that was published last.
var lastID atomic.Uint64

// rate is events a second that became durable: only answered ones count.
func (b *bench) rate(ctx context.Context, c contender, publishers, bytes int) (float64, error) {
	var all []publisher
	defer func() {
		for _, p := range all {
			p.close()
		}
	}()
	for range publishers {
		p, err := c.dial(ctx, bytes)
		if err != nil {
			return 0, err
		}
		all = append(all, p)
	}
	var done atomic.Int64
	var stop atomic.Bool
	failed := make(chan error, publishers)
	var wg sync.WaitGroup
	for _, p := range all {
		wg.Go(func() {
			ids := make([]uint64, c.size)
			for !stop.Load() {
				last := lastID.Add(uint64(c.size))
				for i := range ids {
					ids[i] = last - uint64(i)
				}
				if err := p.publish(ctx, ids, &done); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	sleep(ctx, b.warm)
	from, began := done.Load(), time.Now()
	sleep(ctx, b.duration)
	stop.Store(true)
	wg.Wait() // what is under way counts, with its time: some answer in waves of seconds
	n, took := done.Load()-from, time.Since(began)
	select {
	case err := <-failed:
		return 0, err
	default:
	}
	return float64(n) / took.Seconds(), ctx.Err()
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// probe notes how long the disk takes to make 4 KiB durable now.
func (b *bench) probe() error {
	path := filepath.Join(b.dir, "probe")
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	for range 50 {
		began := time.Now()
		if _, err := file.WriteAt(make([]byte, 4096), 0); err != nil {
			return err
		}
		if err := file.Sync(); err != nil {
			return err
		}
		b.syncs = append(b.syncs, time.Since(began))
	}
	return nil
}
