package cli

import (
	"context"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/banyanrun/banyan/internal/fault"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// reconnectPause keeps a feed from spinning when a daemon dies again and again.
const reconnectPause = 100 * time.Millisecond

// feeds follows a daemon's reports and logs over the daemon's death: where it
// dies, a new one that adopts is started, and the feeds go on where they were.
type feeds struct {
	p *program
	s *session
	t target
	// Statuses ends (is closed) when the app is down or nothing more can come;
	// err says why then.
	Statuses chan *banyanv1.Status
	Logs     chan *banyanv1.LogsResponse
	// logsEnd is closed when no more logs can come.
	logsEnd chan struct{}
	err     error

	reviving sync.Mutex
	running  sync.WaitGroup
	cancel   context.CancelFunc
	ctx      context.Context // the feeds' lifetime, which close ends
}

func (p *program) follow(ctx context.Context, s *session, t target) *feeds {
	f := &feeds{
		p: p, s: s, t: t,
		Statuses: make(chan *banyanv1.Status), Logs: make(chan *banyanv1.LogsResponse),
		logsEnd: make(chan struct{}),
	}
	f.ctx, f.cancel = context.WithCancel(ctx)
	f.running.Go(f.followStatus)
	return f
}

// close ends the feeds and waits for them.
func (f *feeds) close() {
	f.cancel()
	f.running.Wait()
}

func (f *feeds) followStatus() {
	defer close(f.Statuses)
	down := false
	for {
		err := f.watch(&down)
		if f.ctx.Err() != nil || down {
			return
		}
		if !gone(err) {
			f.err = err
			return
		}
		again, err := f.again()
		if !again {
			f.err = err
			return
		}
	}
}

func (f *feeds) watch(down *bool) error {
	stream, err := f.s.Watch(f.ctx, &banyanv1.WatchRequest{})
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }() // a broken stream has said so already
	for stream.Receive() {
		st := stream.Msg().GetStatus()
		*down = st.GetGoingDown()
		select {
		case f.Statuses <- st:
		case <-f.ctx.Done():
			return f.ctx.Err()
		}
	}
	return stream.Err()
}

// again makes sure that a daemon answers after one went away. Where it crashed,
// another is started; where it left by itself, the app is either down (false, no
// error) or another daemon comes.
func (f *feeds) again() (bool, error) {
	f.reviving.Lock()
	defer f.reviving.Unlock()
	for limit := time.Now().Add(farewell); ; {
		select {
		case <-time.After(reconnectPause):
		case <-f.ctx.Done():
			return false, f.ctx.Err()
		}
		switch look(f.t.Layout) {
		case answering:
			return true, nil
		case crashed:
			err := f.p.ensure(f.ctx, f.t.Layout, true)
			return err == nil, err
		case absent:
			if !isSocket(f.t.ProxySocket) {
				return false, nil
			}
		}
		if time.Now().After(limit) {
			return false, fault.New(fault.Unavailable, "the daemon was stopped; the services go on without it").
				Fix("`banyan up` starts another one")
		}
	}
}

// followLogs begins to deliver log records on Logs, over the daemon's death. It
// is called once at most.
func (f *feeds) followLogs(req *banyanv1.LogsRequest) {
	f.running.Go(func() {
		defer close(f.logsEnd)
		for f.ctx.Err() == nil {
			if err := f.logs(req); !gone(err) || f.ctx.Err() != nil {
				return
			}
			if again, _ := f.again(); !again {
				return // followStatus has the reason too
			}
		}
	})
}

func (f *feeds) logs(req *banyanv1.LogsRequest) error {
	stream, err := f.s.Logs(f.ctx, req)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }() // a broken stream has said so already
	for stream.Receive() {
		msg := stream.Msg()
		select {
		case f.Logs <- msg:
		case <-f.ctx.Done():
			return f.ctx.Err()
		}
		resumeAfter(req, msg)
	}
	return stream.Err()
}

// resumeAfter makes req ask for what follows msg.
func resumeAfter(req *banyanv1.LogsRequest, msg *banyanv1.LogsResponse) {
	if n := len(msg.GetRecords()); n > 0 {
		req.Since = timestamppb.New(msg.GetRecords()[n-1].GetTime().AsTime().Add(1))
		req.Tail = 0
	}
}

// untilDown calls ask until Ctrl-C, which is no failure here, or until the app is
// down. Where the daemon dies, resume is called, and then ask with the next one.
func (p *program) untilDown(ctx context.Context, s *session, t target, ask func(context.Context) error, resume func()) error {
	signals, stop := p.signals()
	defer stop()
	f := &feeds{p: p, s: s, t: t}
	f.ctx, f.cancel = context.WithCancel(ctx)
	defer f.close()
	f.running.Go(func() {
		select {
		case <-signals:
			f.cancel()
		case <-f.ctx.Done():
		}
	})
	for {
		err := ask(f.ctx)
		if f.ctx.Err() != nil {
			return ctx.Err()
		}
		if !gone(err) {
			return err
		}
		if again, err := f.again(); !again {
			return err
		}
		resume()
	}
}
