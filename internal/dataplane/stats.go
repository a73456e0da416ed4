package dataplane

import (
	"context"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/proxy/account"
)

// statsWait bounds the wait for the data plane's counts: one that is older than
// the question never answers it.
const statsWait = 3 * time.Second

// query is a StatsRequest under way.
type query struct {
	got  account.Snapshot
	done chan struct{} // closed when all of it is there
}

// Stats is what the data plane has counted since it began. It is Unavailable
// while there is no data plane, or if that does not answer in time.
func (k *Keeper) Stats(ctx context.Context) (account.Snapshot, error) {
	k.mu.Lock()
	p, version := k.plane, k.peers.version
	k.mu.Unlock()
	if p == nil {
		return account.Snapshot{}, fault.New(fault.Unavailable, "there is no data plane now; one is being started").Fix("try again")
	}
	seq, q := p.ask()
	defer p.forget(seq)
	limit := time.NewTimer(statsWait)
	defer limit.Stop()
	if err := p.conn.Send(&link.Message{StatsRequest: &link.StatsRequest{Seq: seq}}); err != nil {
		return account.Snapshot{}, fault.New(fault.Unavailable, "the data plane cannot be asked: %w", err)
	}
	select {
	case <-q.done:
		return q.got, nil
	case <-p.lost:
		return account.Snapshot{}, fault.New(fault.Unavailable, "the data plane ended before it had answered").Fix("try again")
	case <-limit.C:
		return account.Snapshot{}, fault.New(fault.Unavailable,
			"the data plane, version %s, does not say what it has counted", version).
			Fix("if it is older than the daemon, `banyan down` and `banyan up` replace it")
	case <-ctx.Done():
		return account.Snapshot{}, ctx.Err()
	}
}

func (p *plane) ask() (seq uint64, q *query) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queried++
	q = &query{done: make(chan struct{})}
	p.queries[p.queried] = q
	return p.queried, q
}

func (p *plane) forget(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.queries, seq)
}

// told takes a part of an answer.
func (p *plane) told(s *link.Stats) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.queries[s.Seq]
	if q == nil { // nobody waits any more
		return
	}
	edges := q.got.Edges
	q.got = s.Snapshot
	q.got.Edges = slices.Concat(edges, s.Edges)
	if !s.More {
		close(q.done)
		delete(p.queries, s.Seq)
	}
}
