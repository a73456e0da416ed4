//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// natsServer is a nats-server that runs, with the streams load, push and drain, in
// files
// that are synced before each acknowledgement.
type natsServer struct {
	cmd    *exec.Cmd
	output *bytes.Buffer // read after it has ended
	conns  []jetstream.JetStream
	next   atomic.Uint64
}

// natsConns are the connections that publishers share.
const natsConns = 8

const natsFile = `
listen: "127.0.0.1:%d"
jetstream: {store_dir: "%s", sync_interval: always}
`

// startNATS starts the binary, or one that it builds.
func startNATS(ctx context.Context, dir, binary string) (*natsServer, error) {
	if binary == "" {
		var err error
		if binary, err = goBuild(ctx, dir, "nats-server", "-modfile=tools/nats/go.mod", "github.com/nats-io/nats-server/v2"); err != nil {
			return nil, err
		}
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "nats.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, natsFile, port, filepath.Join(dir, "jetstream")), 0o600); err != nil {
		return nil, err
	}
	s := &natsServer{cmd: exec.CommandContext(ctx, binary, "-c", config), output: new(bytes.Buffer)}
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if err := s.connect(ctx, port); err != nil {
		return s, err
	}
	return s, s.makeStreams(ctx)
}

func (s *natsServer) connect(ctx context.Context, port int) error {
	for range natsConns {
		conn, err := nats.Connect("127.0.0.1:"+strconv.Itoa(port), nats.RetryOnFailedConnect(true), nats.ReconnectWait(20*time.Millisecond), nats.MaxReconnects(500))
		if err != nil {
			return err
		}
		js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(1<<16))
		if err != nil {
			return err
		}
		s.conns = append(s.conns, js)
		if err := conn.FlushWithContext(ctx); err != nil && !errors.Is(err, nats.ErrNoDeadlineContext) {
			return err
		}
	}
	return nil
}

func (s *natsServer) makeStreams(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for _, name := range []string{"load", "push", "drain"} {
		config := jetstream.StreamConfig{
			Name: name, Subjects: []string{name}, Storage: jetstream.FileStorage, MaxBytes: 1 << 30, Discard: jetstream.DiscardOld,
			Duplicates: time.Minute, // its ids are in memory: 24 hours would be unfair
		}
		if _, err := s.conns[0].CreateStream(ctx, config); err != nil {
			return fmt.Errorf("nats-server: %w", err)
		}
	}
	return nil
}

func (s *natsServer) stop() error {
	for _, js := range s.conns {
		js.Conn().Close()
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	err := s.cmd.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil // it says 1 when it is asked to end
	}
	return err
}

type natsPublisher struct {
	js   jetstream.JetStream
	data []byte
}

func (s *natsServer) publisher(_ context.Context, bytes int) (publisher, error) {
	return &natsPublisher{s.conns[s.next.Add(1)%natsConns], make([]byte, bytes)}, nil
}

func (p *natsPublisher) publish(ctx context.Context, ids []uint64, durable *atomic.Int64) error {
	if len(ids) == 1 {
		_, err := p.js.Publish(ctx, "load", p.data, jetstream.WithMsgID(strconv.FormatUint(ids[0], 10)))
		if err == nil {
			durable.Add(1)
		}
		return err
	}
	acks := make([]jetstream.PubAckFuture, len(ids))
	for i, id := range ids {
		var err error
		if acks[i], err = p.js.PublishAsync("load", p.data, jetstream.WithMsgID(strconv.FormatUint(id, 10))); err != nil {
			return err
		}
	}
	for _, ack := range acks {
		select {
		case <-ack.Ok():
			durable.Add(1)
		case err := <-ack.Err():
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (*natsPublisher) close() {}

// freePort is a port of the loopback interface that nobody listens on.
func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(port)
}
