//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/banyanrun/banyan/internal/bus/brokertest"
)

// kafkaServer is a Kafka broker that runs, with the topics load, push and drain of
// one partition, whose log is flushed to the disk with each message.
type kafkaServer struct {
	*brokertest.Process
	clients []*kgo.Client
	next    atomic.Uint64
}

const kafkaClients = 8

// startKafka returns nil where there is none, and prints why.
func startKafka(ctx context.Context, dir string) (*kafkaServer, error) {
	dir = filepath.Join(dir, "kafka")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	process, err := brokertest.Kafka(dir, brokertest.KafkaConfig{Jars: "bin/kafka", Java: []string{"-Xmx1g"}})
	if err = missing(err); process == nil {
		return nil, err
	}
	s := &kafkaServer{Process: process}
	for range kafkaClients {
		client, err := kgo.NewClient(kgo.SeedBrokers(s.Addr), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerLinger(0),
			kgo.ProducerBatchCompression(kgo.NoCompression()))
		if err != nil {
			return s, err
		}
		s.clients = append(s.clients, client)
	}
	configs := map[string]*string{"flush.messages": new("1"), "retention.bytes": new(strconv.Itoa(1 << 30))}
	answers, err := kadm.NewClient(s.clients[0]).CreateTopics(ctx, 1, 1, configs, "load", "push", "drain")
	return s, errors.Join(err, answers.Error())
}

func (s *kafkaServer) stop() {
	for _, client := range s.clients {
		client.Close()
	}
	s.Close()
}

type kafkaPublisher struct {
	client *kgo.Client
	data   []byte
}

func (s *kafkaServer) publisher(_ context.Context, bytes int) (publisher, error) {
	return &kafkaPublisher{s.clients[s.next.Add(1)%kafkaClients], make([]byte, bytes)}, nil
}

func (p *kafkaPublisher) publish(ctx context.Context, ids []uint64, durable *atomic.Int64) error {
	records := make([]*kgo.Record, len(ids))
	for i := range ids {
		records[i] = &kgo.Record{Topic: "load", Value: p.data}
	}
	if err := p.client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return err
	}
	durable.Add(int64(len(ids)))
	return nil
}

func (*kafkaPublisher) close() {}

// consume calls each for each record behind an offset, until done is called.
func (s *kafkaServer) consume(topic string, from kgo.Offset, each func(data []byte)) (done func(), err error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Addr), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: from}}))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for ctx.Err() == nil {
			client.PollFetches(ctx).EachRecord(func(r *kgo.Record) { each(r.Value) })
		}
	}()
	return func() {
		cancel()
		client.Close()
	}, nil
}

// end is the offset at which a topic ends.
func (s *kafkaServer) end(ctx context.Context, topic string) (kgo.Offset, error) {
	ends, err := kadm.NewClient(s.clients[0]).ListEndOffsets(ctx, topic)
	if err = errors.Join(err, ends.Error()); err != nil {
		return kgo.Offset{}, err
	}
	at, _ := ends.Lookup(topic, 0)
	return kgo.NewOffset().At(at.Offset), nil
}

func (s *kafkaServer) push(ctx context.Context) (send []sender, came pushed, done func(), err error) {
	from, err := s.end(ctx, "push")
	if err != nil {
		return nil, nil, nil, err
	}
	latencies := make(chan time.Duration, 1<<16)
	stop, err := s.consume("push", from, func(data []byte) { latencies <- lateness(data) })
	if err != nil {
		return nil, nil, nil, err
	}
	for n := range senders {
		client := s.clients[n%kafkaClients]
		send = append(send, func(_ uint64, due time.Time) error {
			return client.ProduceSync(ctx, &kgo.Record{Topic: "push", Value: strconv.AppendInt(nil, due.UnixNano(), 10)}).FirstErr()
		})
	}
	return send, collect(latencies), stop, nil
}

func (s *kafkaServer) drain(ctx context.Context, n int) (time.Duration, error) {
	from, err := s.end(ctx, "drain")
	if err != nil {
		return 0, err
	}
	for range n / drainBatch {
		records := make([]*kgo.Record, drainBatch)
		for i := range records {
			records[i] = &kgo.Record{Topic: "drain", Value: make([]byte, drainBytes)}
		}
		if err := s.clients[0].ProduceSync(ctx, records...).FirstErr(); err != nil {
			return 0, err
		}
	}
	count := newCounter(n)
	began := time.Now()
	stop, err := s.consume("drain", from, func([]byte) { count.add(1) })
	if err != nil {
		return 0, err
	}
	defer stop()
	return count.wait(ctx, began)
}
