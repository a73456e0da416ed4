package bus

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// loadMost bounds one read of records that are wanted again, loadGap what may lie between two of them.
const (
	loadMost = 256
	loadGap  = 64
)

// load returns those of the places, which it sorts, that the engine still keeps.
func load(ctx context.Context, e engine.Engine, topic string, places []engine.Position) ([]engine.Stored, error) {
	slices.SortFunc(places, comparePositions)
	var all []engine.Stored
	for i := 0; i < len(places); {
		first, end := places[i], i+1
		for end < len(places) && places[end].Partition == first.Partition &&
			places[end].Offset-places[end-1].Offset <= loadGap && places[end].Offset-first.Offset < loadMost {
			end++
		}
		found, err := e.Read(ctx, topic, first.Before(), int(places[end-1].Offset-first.Offset)+1)
		switch {
		case errors.Is(err, engine.ErrGone):
			// Perhaps not all of them.
			if end, err = after(ctx, e, topic, places, i, end); err != nil {
				return nil, err
			}
			i = end
			continue
		case err != nil:
			return nil, err
		}
		wanted := places[i:end]
		for _, r := range found {
			if _, ok := slices.BinarySearchFunc(wanted, r.Position, comparePositions); ok {
				all = append(all, r)
			}
		}
		// The engine may have returned less than was asked for.
		if n := len(found); n > 0 {
			last := found[n-1].Position
			for i < end && comparePositions(places[i], last) <= 0 {
				i++
			}
		} else {
			i = end
		}
	}
	return all, nil
}

// after returns the index of the first of places[from:to] that is still kept; at
// least one is taken to be gone, since the engine said so.
func after(ctx context.Context, e engine.Engine, topic string, places []engine.Position, from, to int) (int, error) {
	stat, err := e.Stat(ctx, topic)
	if err != nil {
		return 0, err
	}
	for i := from + 1; i < to; i++ {
		if p := places[i]; int(p.Partition) < len(stat.Partitions) && p.Offset > stat.Partitions[p.Partition].Start.Offset {
			return i, nil
		}
	}
	return to, nil
}

func comparePositions(a, b engine.Position) int {
	switch {
	case a == b:
		return 0
	case a.Partition < b.Partition || a.Partition == b.Partition && a.Offset < b.Offset:
		return -1
	}
	return 1
}

// group reads a topic for a subscription. One goroutine may call next and skipped,
// others at the same time the rest.
type group struct {
	engine engine.Engine
	topic  string
	name   string
	at     []engine.Position // what was read last, one a partition at most
	held   []engine.Stored   // was read, and is given later
	told   bool              // what is missing before held was counted
	dense  bool              // a gap among offsets is events that are lost

	mu     sync.Mutex
	cursor engine.Cursor // nil: to be opened
}

func (g *group) next(ctx context.Context, most int) ([]engine.Stored, error) {
	if g.held == nil {
		cursor, err := g.open(ctx)
		if err != nil {
			return nil, err
		}
		if g.held, err = cursor.Next(ctx, most); err != nil {
			if ctx.Err() == nil {
				g.close()
			}
			return nil, err
		}
	}
	if !g.told && g.missing(g.held[0].Position) > 0 {
		return nil, engine.ErrGone
	}
	records := g.held
	g.held, g.told = nil, false
	for i := 1; g.dense && i < len(records); i++ {
		if records[i].Offset != records[i-1].Offset+1 {
			records, g.held = records[:i], records[i:]
		}
	}
	return g.passed(records), nil
}

// missing counts the events before one that the group will never see: those that
// retention took of a topic that was empty when the group began, since to the
// engine its position means whatever is the oldest; and those that are lost.
func (g *group) missing(first engine.Position) uint64 {
	for _, p := range g.at {
		if p.Partition == first.Partition && (p.Offset == 0 && g.engine.Can().Replay || g.dense) {
			return first.Offset - 1 - min(p.Offset, first.Offset-1)
		}
	}
	return 0
}

func (g *group) open(ctx context.Context) (engine.Cursor, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cursor != nil {
		return g.cursor, nil
	}
	var err error
	g.cursor, err = g.engine.Open(ctx, g.topic, g.name, g.at)
	return g.cursor, err
}

// passed notes that records were read, and returns them.
func (g *group) passed(records []engine.Stored) []engine.Stored {
	for _, r := range records {
		i := slices.IndexFunc(g.at, func(p engine.Position) bool { return p.Partition == r.Partition })
		if i < 0 {
			i = len(g.at)
			g.at = append(g.at, r.Position)
		}
		g.at[i].Offset = r.Offset
	}
	return records
}

func (g *group) skipped(ctx context.Context) (uint64, error) {
	if g.held != nil {
		g.told = true
		return g.missing(g.held[0].Position), nil
	}
	stat, err := g.engine.Stat(ctx, g.topic)
	if err != nil {
		return 0, err
	}
	var count uint64
	for i := range g.at {
		p := &g.at[i]
		if int(p.Partition) < len(stat.Partitions) {
			if start := stat.Partitions[p.Partition].Start.Offset; start > p.Offset {
				count += start - p.Offset
				p.Offset = start
			}
		}
	}
	return count, nil
}

func (g *group) load(ctx context.Context, places []engine.Position) ([]engine.Stored, error) {
	return load(ctx, g.engine, g.topic, places)
}

// done tells the engine which records need not come again.
func (g *group) done(ctx context.Context, places []engine.Position) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cursor == nil || len(places) == 0 {
		return nil
	}
	return g.cursor.Done(ctx, places)
}

func (g *group) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cursor != nil {
		_ = g.cursor.Close() // it is opened again, or not needed
		g.cursor = nil
	}
}
