package dataplane

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/link"
)

// Run feeds and watches the data plane until Leave or Shutdown is called; it
// returns nil then. It also returns when ctx ends, which to the data plane is
// the death of its daemon: it starts another.
func (k *Keeper) Run(ctx context.Context) error {
	pause := backoffLeast
	for {
		k.mu.Lock()
		p := k.plane
		k.mu.Unlock()
		if p == nil {
			p = k.restart(ctx, &pause)
		}
		if p == nil { // stopped meanwhile
			return nil
		}
		err := k.watch(ctx, p)
		if ctx.Err() != nil || k.stopping() {
			_ = p.conn.Close()
			return nil //nolint:nilerr // it was to end
		}
		k.log.Error("the data plane is lost; starting another", "reason", err, "lived", time.Since(p.started).Round(time.Millisecond))
		k.bury(p)
		if time.Since(p.started) > steadyAfter {
			pause = backoffLeast
		} else {
			k.sleep(ctx, pause)
			pause = min(2*pause, backoffMost)
		}
	}
}

// bury makes sure that a lost data plane is dead, and lets go of it.
func (k *Keeper) bury(p *plane) {
	if err := end(p.proc); err != nil {
		k.log.Error("data plane", "error", err)
	}
	_ = p.conn.Close()
	k.set(nil)
	k.dead()
}

// restart starts data planes until one lives; nil: there shall be none any more.
func (k *Keeper) restart(ctx context.Context, pause *time.Duration) *plane {
	for ctx.Err() == nil && !k.stopping() {
		k.dead() // also what was published since
		p, err := k.start(ctx)
		if err == nil {
			k.set(p)
			return p
		}
		k.log.Error("data plane", "error", err)
		k.sleep(ctx, *pause)
		*pause = min(2**pause, backoffMost)
	}
	return nil
}

// sleep waits for d, for ctx or for the end; snapshots count as in force meanwhile.
func (k *Keeper) sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			return
		case <-ctx.Done():
			return
		case <-k.stop:
			return
		case <-k.wake:
			k.dead()
		}
	}
}

// watch serves one data plane until it is lost.
func (k *Keeper) watch(ctx context.Context, p *plane) error {
	var reader sync.WaitGroup
	readErr := make(chan error, 1)
	reader.Go(func() {
		defer close(p.lost)
		readErr <- k.read(p)
	})
	defer reader.Wait()
	defer p.conn.Close()
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	k.poke()
	if err := k.askSpans(p, spansAhead); err != nil {
		return fmt.Errorf("the link ended: %w", err)
	}
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-k.stop:
			// Leave closes the link, Shutdown has the data plane close it.
			select {
			case <-p.lost:
			case <-ctx.Done():
			}
			return nil
		case <-p.proc.Done():
			return errors.New("its process ended")
		case err = <-readErr:
			return fmt.Errorf("the link ended: %w", err)
		case <-k.wake:
			err = k.sendLatest(p)
		case now := <-ping.C:
			err = p.ping(now)
		}
		if err != nil {
			return err
		}
	}
}

// poke has the loop look for something to send.
func (k *Keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// sendLatest sends what was published last unless it is in force or another
// snapshot is under way: its Ack pokes again.
func (k *Keeper) sendLatest(p *plane) error {
	if !p.idle() {
		return nil
	}
	k.mu.Lock()
	s := k.latest
	k.mu.Unlock()
	if s == nil || !p.wants(s.Version) {
		return nil
	}
	return k.send(p, s)
}

// read handles what the data plane says.
func (k *Keeper) read(p *plane) error {
	for {
		m, sockets, err := p.conn.Receive()
		if err != nil {
			return err
		}
		link.CloseSockets(sockets) // none are expected any more
		switch {
		case m.Ack != nil:
			switch refused := p.acked(m.Ack); {
			case m.Ack.Error == "":
				k.ack(m.Ack.Version, m.Ack.Draining)
			case refused:
				k.refused(m.Ack)
			default:
				k.log.Warn("the data plane wants a snapshot as a whole", "epoch", m.Ack.Version.Epoch, "n", m.Ack.Version.N, "error", m.Ack.Error)
			}
			k.poke()
		case m.Drained != nil:
			k.drained(m.Drained.Instances)
		case m.Pong != nil:
			p.pong(m.Pong.Seq)
		case m.Stats != nil:
			p.told(m.Stats)
		case m.Event != nil:
			k.cfg.Event(*m.Event)
		case m.Spans != nil:
			if err := k.tookSpans(p, m.Spans); err != nil {
				return err
			}
		}
	}
}

// refused tells people that the data plane did not take a snapshot.
func (k *Keeper) refused(a *link.Ack) {
	k.log.Error("the data plane refuses a snapshot", "epoch", a.Version.Epoch, "n", a.Version.N, "error", a.Error)
	k.cfg.Event(link.Event{Kind: "snapshot-refused", Detail: a.Error})
}

// ping asks whether the data plane works; it fails once an answer is overdue.
func (p *plane) ping(now time.Time) error {
	p.mu.Lock()
	if p.pinged == p.ponged {
		p.asked = now
	} else if now.Sub(p.asked) >= silence {
		p.mu.Unlock()
		return errHangs
	}
	p.pinged++
	seq := p.pinged
	p.mu.Unlock()
	return p.conn.Send(&link.Message{Ping: &link.Ping{Seq: seq}})
}

func (p *plane) pong(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ponged = max(p.ponged, seq)
	p.asked = time.Now()
}

func (k *Keeper) stopping() bool { return isClosed(k.stop) }

// Leave closes the link on purpose: the data plane stays and starts no other
// daemon. Run returns.
func (k *Keeper) Leave() {
	if p := k.quit(); p != nil {
		_ = p.conn.Send(&link.Message{Bye: &link.Bye{}})
		_ = p.conn.Close()
	}
	k.releaseAll()
}

// Shutdown has the data plane finish what is in flight, for at most drain, and
// exit; what does not is killed. All sockets are given up. Run returns.
func (k *Keeper) Shutdown(ctx context.Context, drain time.Duration) error {
	p := k.quit()
	defer k.releaseAll()
	if p == nil {
		return nil
	}
	seconds := int((drain + time.Second - 1) / time.Second)
	err := p.conn.Send(&link.Message{Bye: &link.Bye{Shutdown: true, DrainSeconds: seconds}})
	if err == nil {
		t := time.NewTimer(time.Duration(seconds)*time.Second + 2*time.Second)
		defer t.Stop()
		select {
		case <-p.proc.Done():
			return nil
		case <-t.C:
		case <-ctx.Done():
		}
	}
	return end(p.proc)
}

// quit makes Run return and hands over the data plane there is.
func (k *Keeper) quit() *plane {
	k.stopped.Do(func() { close(k.stop) })
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.plane
	k.plane = nil
	return p
}
