package coordinator

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/saga/store"
)

// shown is a saga as others see it, but for its State.
func (c *Coordinator) shown(row store.Saga) Saga {
	s := Saga{
		ID: row.ID, Name: row.Name, Status: machine.Status(row.Status), By: row.By, Parent: row.Parent,
		Created: row.Created, Updated: row.Updated, Version: row.Version, Place: row.N, Stopped: row.Damage,
	}
	if t := c.running.Load(); t != nil && s.Stopped == nil {
		s.Stopped = t.why(row.ID)
	}
	return s
}

// row returns a saga that a service may see.
func (c *Coordinator) row(ctx context.Context, by, id string) (store.Saga, error) {
	row, err := c.options.Store.Load(ctx, id)
	if err != nil && row.Damage == nil {
		return row, translate(err)
	}
	if !c.sees(ctx, by, row) {
		return row, translate(store.ErrNotFound)
	}
	return row, nil
}

// sees tells whether a service may see, and steer, a saga: by the definition in
// force, or the saga's own where there is none of its name any more.
func (c *Coordinator) sees(ctx context.Context, by string, row store.Saga) bool {
	if by == "" {
		return true
	}
	if row.Damage != nil {
		return false
	}
	def := c.definitions.named(row.Name)
	if def == nil {
		def, _ = c.definitions.get(ctx, row.Digest)
	}
	return def != nil && def.allows(by)
}

func (c *Coordinator) get(ctx context.Context, by, id string) (Saga, error) {
	row, err := c.row(ctx, by, id)
	if err != nil {
		return Saga{}, err
	}
	s := c.shown(row)
	var state machine.State
	if s.Stopped == nil || row.Doc != nil { // of a damaged row there is none
		s.Stopped = errors.Join(s.Stopped, readState(row.Doc, &state))
	}
	if state.ID != "" { // it could be read
		s.State = &state
	}
	return s, nil
}

func (c *Coordinator) list(ctx context.Context, f Filter) ([]Saga, error) {
	stored := store.Filter{Parent: f.Parent, Before: f.Before, Most: min(f.Most, 1000)}
	if stored.Most <= 0 {
		stored.Most = 100
	}
	for _, status := range f.Statuses {
		stored.Statuses = append(stored.Statuses, string(status))
	}
	if f.Name != "" {
		stored.Names = []string{f.Name}
	}
	if f.By != "" {
		allowed := c.definitions.allowed(f.By)
		if f.Name != "" {
			allowed = slices.DeleteFunc(allowed, func(name string) bool { return name != f.Name })
		}
		if len(allowed) == 0 {
			return nil, nil
		}
		stored.Names = allowed
	}
	rows, err := c.options.Store.List(ctx, stored)
	if err != nil {
		return nil, translate(err)
	}
	all := make([]Saga, len(rows))
	for i, row := range rows {
		all[i] = c.shown(row)
	}
	return all, nil
}

func (c *Coordinator) count(ctx context.Context) (map[machine.Status]int, error) {
	counts, err := c.options.Store.Count(ctx)
	if err != nil {
		return nil, translate(err)
	}
	all := map[machine.Status]int{}
	for status, n := range counts {
		all[machine.Status(status)] = n
	}
	return all, nil
}

func (c *Coordinator) timeline(ctx context.Context, by, id string, after int64) ([]Entry, error) {
	row, err := c.row(ctx, by, id)
	if err != nil {
		return nil, err
	}
	return c.entries(ctx, row.N, after)
}

// entries returns a saga's timeline behind a version.
func (c *Coordinator) entries(ctx context.Context, n, after int64) ([]Entry, error) {
	const most = 1000
	lines, err := c.options.Store.Log(ctx, n, after, most)
	if err != nil {
		return nil, translate(err)
	}
	var all []Entry
	for _, line := range lines {
		var entries []Entry
		err := line.Damage
		if err == nil {
			err = json.Unmarshal(line.Text, &entries)
		}
		if err != nil {
			entries = []Entry{{What: "damaged", Text: err.Error()}}
		}
		for i := range entries {
			entries[i].At, entries[i].Version = line.At, line.Version
		}
		all = append(all, entries...)
	}
	return all, nil
}

func (c *Coordinator) watch(ctx context.Context, by, id string, after int64, show func(Saga, []Entry) error) error {
	for first := true; ; first = false {
		changed := c.changes.next(id)
		s, err := c.get(ctx, by, id)
		if errors.Is(err, ErrNoSaga) && !first {
			return nil // it was purged
		}
		if err != nil {
			return err
		}
		if s.Version > after || first {
			entries, err := c.entries(ctx, s.Place, after)
			if err != nil {
				return err
			}
			// What happened meanwhile comes with the saga as it is then.
			entries = slices.DeleteFunc(entries, func(e Entry) bool { return e.Version > s.Version })
			if err := show(s, entries); err != nil {
				return err
			}
			after = max(after, s.Version)
		}
		if s.Status.Ended() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
