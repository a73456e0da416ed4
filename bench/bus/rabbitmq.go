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

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/banyanrun/banyan/internal/bus/brokertest"
)

// rabbitServer is a RabbitMQ that runs, with the durable quorum queues load, push
// and drain: it confirms what is synced to the disk.
type rabbitServer struct {
	*brokertest.Process
	conns []*amqp.Connection
	next  atomic.Uint64
}

const rabbitConns = 8

// startRabbitMQ returns nil where there is none, and prints why.
func startRabbitMQ(dir string) (*rabbitServer, error) {
	dir = filepath.Join(dir, "rabbitmq")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	process, err := brokertest.RabbitMQ(dir)
	if err = missing(err); process == nil {
		return nil, err
	}
	s := &rabbitServer{Process: process}
	for range rabbitConns {
		conn, err := amqp.Dial("amqp://" + s.Addr)
		if err != nil {
			return s, err
		}
		s.conns = append(s.conns, conn)
	}
	ch, err := s.conns[0].Channel()
	if err != nil {
		return s, err
	}
	defer ch.Close()
	for _, name := range []string{"load", "push", "drain"} {
		args := amqp.Table{"x-queue-type": "quorum", "x-max-length-bytes": int64(1 << 30)}
		if _, err := ch.QueueDeclare(name, true, false, false, false, args); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *rabbitServer) stop() {
	for _, conn := range s.conns {
		_ = conn.CloseDeadline(time.Now().Add(time.Second)) // it is killed anyway
	}
	s.Close()
}

// rabbitPublisher has a channel of its own on a connection that others use, too.
type rabbitPublisher struct {
	ch   *amqp.Channel
	data []byte
}

func (s *rabbitServer) publisher(_ context.Context, bytes int) (publisher, error) {
	i := s.next.Add(1) % rabbitConns
	if s.conns[i].IsClosed() {
		conn, err := amqp.Dial("amqp://" + s.Addr)
		if err != nil {
			return nil, err
		}
		s.conns[i] = conn
	}
	ch, err := s.conns[i].Channel()
	if err != nil {
		return nil, err
	}
	return &rabbitPublisher{ch, make([]byte, bytes)}, ch.Confirm(false)
}

func (p *rabbitPublisher) publish(ctx context.Context, ids []uint64, durable *atomic.Int64) error {
	if err := p.send(ctx, "load", ids, p.data); err != nil {
		return err
	}
	durable.Add(int64(len(ids)))
	return nil
}

// send returns when all messages are confirmed.
func (p *rabbitPublisher) send(ctx context.Context, queue string, ids []uint64, data []byte) error {
	acks := make([]*amqp.DeferredConfirmation, len(ids))
	for i, id := range ids {
		m := amqp.Publishing{DeliveryMode: amqp.Persistent, MessageId: strconv.FormatUint(id, 10), Body: data}
		var err error
		if acks[i], err = p.ch.PublishWithDeferredConfirm("", queue, true, false, m); err != nil {
			return err
		}
	}
	for _, ack := range acks {
		switch ok, err := ack.WaitContext(ctx); {
		case err != nil:
			return err
		case !ok:
			return errors.New("rabbitmq did not take a message")
		}
	}
	return nil
}

func (p *rabbitPublisher) close() { _ = p.ch.Close() }

// consume calls each for each message, which is acknowledged, until done is called.
func (s *rabbitServer) consume(queue string, each func(data []byte)) (done func(), err error) {
	ch, err := s.conns[0].Channel()
	if err != nil {
		return nil, err
	}
	if err := ch.Qos(1000, 0, false); err != nil {
		return nil, err
	}
	messages, err := ch.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		return nil, err
	}
	go func() {
		for m := range messages {
			each(m.Body)
			_ = m.Ack(false) // else it comes again, and too many are counted
		}
	}()
	return func() { _ = ch.Close() }, nil
}

func (s *rabbitServer) push(ctx context.Context) (send []sender, came pushed, done func(), err error) {
	latencies := make(chan time.Duration, 1<<16)
	stop, err := s.consume("push", func(data []byte) { latencies <- lateness(data) })
	if err != nil {
		return nil, nil, nil, err
	}
	var all []publisher
	done = func() {
		stop()
		for _, p := range all {
			p.close()
		}
	}
	for range senders {
		p, err := s.publisher(ctx, 0)
		if err != nil {
			done()
			return nil, nil, nil, err
		}
		all = append(all, p)
		send = append(send, func(id uint64, due time.Time) error {
			return p.(*rabbitPublisher).send(ctx, "push", []uint64{id}, strconv.AppendInt(nil, due.UnixNano(), 10)) //nolint:forcetypeassert // made above
		})
	}
	return send, collect(latencies), done, nil
}

func (s *rabbitServer) drain(ctx context.Context, n int) (time.Duration, error) {
	p, err := s.publisher(ctx, drainBytes)
	if err != nil {
		return 0, err
	}
	defer p.close()
	for range n / drainBatch {
		if err := p.(*rabbitPublisher).send(ctx, "drain", make([]uint64, drainBatch), make([]byte, drainBytes)); err != nil { //nolint:forcetypeassert // made above
			return 0, err
		}
	}
	count := newCounter(n)
	began := time.Now()
	stop, err := s.consume("drain", func([]byte) { count.add(1) })
	if err != nil {
		return 0, err
	}
	defer stop()
	return count.wait(ctx, began)
}
