package progress

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/sqlite"
)

// State says whether a subscription is delivered.
type State string

// The states of a subscription.
const (
	Active State = "active"
	Paused State = "paused" // a person wants it so
	Gone   State = "gone"   // the service answered 410
)

// Name is what tells subscriptions apart: a service has at most one to a topic.
type Name struct{ Topic, Service string }

// Subscription is how far a subscription is.
type Subscription struct {
	Name
	State State
	// Why it is not Active; empty when it is.
	Why string
	// Revision of the service that ended it; empty unless it is Gone.
	Revision string
	// Progress is how far it is, as package flow codes it.
	Progress []byte
	// Orphaned is since when the app file does not have it; zero: it has.
	Orphaned time.Time
}

// Trouble is what is known of an open event that was tried in vain.
type Trouble struct {
	engine.Position
	Attempts  int // those that count
	First     time.Time
	NotBefore time.Time
	Status    int    // of the last answer; 0: none came
	Error     string // of the last attempt
}

// Change is one step of a subscription's progress.
type Change struct {
	Subscription
	// Troubles that are new or changed.
	Troubles []Trouble
	// Settled are positions that had trouble and are no longer open.
	Settled []engine.Position
}

// Save stores changes, all or none.
func (s *Store) Save(ctx context.Context, changes ...Change) error {
	return s.SaveWith(ctx, nil, changes...)
}

// SaveWith is Save and Mark in one: a sync of the disk for both.
func (s *Store) SaveWith(ctx context.Context, marks Marks, changes ...Change) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := mark(ctx, tx, marks); err != nil {
			return err
		}
		for _, c := range changes {
			if err := saveSubscription(ctx, tx, c.Subscription); err != nil {
				return err
			}
			for _, p := range c.Settled {
				if err := exec(ctx, tx, `DELETE FROM trouble WHERE topic = ? AND service = ? AND part = ? AND place = ?`,
					c.Topic, c.Service, p.Partition, int64(p.Offset)); err != nil {
					return err
				}
			}
			for _, t := range c.Troubles {
				if err := saveTrouble(ctx, tx, c.Name, t); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func saveSubscription(ctx context.Context, tx *sql.Tx, sub Subscription) error {
	row := []any{sub.Topic, sub.Service, string(sub.State), sub.Why, sub.Revision, sub.Progress, micros(sub.Orphaned)}
	return exec(ctx, tx, `INSERT OR REPLACE INTO subscription VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, append(row, sqlite.Sum(row...))...)
}

func saveTrouble(ctx context.Context, tx *sql.Tx, name Name, t Trouble) error {
	columns := []any{
		name.Topic, name.Service, int64(t.Partition), int64(t.Offset), int64(t.Attempts),
		micros(t.First), micros(t.NotBefore), int64(t.Status), t.Error,
	}
	return exec(ctx, tx, `INSERT OR REPLACE INTO trouble VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		append(columns, sqlite.Sum(columns...))...)
}

// Subscriptions returns all there are, orphaned ones too.
func (s *Store) Subscriptions(ctx context.Context) (map[Name]Subscription, error) {
	all := map[Name]Subscription{}
	err := s.each(ctx, func(scan func(...any) error) error {
		var sub Subscription
		var orphaned int64
		var sum uint32
		if err := scan(&sub.Topic, &sub.Service, &sub.State, &sub.Why, &sub.Revision, &sub.Progress, &orphaned, &sum); err != nil {
			return err
		}
		row := fmt.Sprintf("the progress of %s in topic %s", sub.Service, sub.Topic)
		if err := s.db.Check(row, sum, sub.Topic, sub.Service, string(sub.State), sub.Why, sub.Revision, sub.Progress, orphaned); err != nil {
			return err
		}
		sub.Orphaned = fromMicros(orphaned)
		all[sub.Name] = sub
		return nil
	}, `SELECT topic, service, state, why, revision, progress, orphaned, sum FROM subscription`)
	return all, err
}

// Troubles returns those of one subscription, by position.
func (s *Store) Troubles(ctx context.Context, name Name) ([]Trouble, error) {
	var all []Trouble
	err := s.each(ctx, func(scan func(...any) error) error {
		var t Trouble
		var part, place, attempts, first, notBefore, status int64
		var sum uint32
		if err := scan(&part, &place, &attempts, &first, &notBefore, &status, &t.Error, &sum); err != nil {
			return err
		}
		row := fmt.Sprintf("an attempt of %s in topic %s", name.Service, name.Topic)
		if err := s.db.Check(row, sum, name.Topic, name.Service, part, place, attempts, first, notBefore, status, t.Error); err != nil {
			return err
		}
		t.Position = engine.Position{Partition: int32(part), Offset: uint64(place)}
		t.Attempts, t.Status = int(attempts), int(status)
		t.First, t.NotBefore = fromMicros(first), fromMicros(notBefore)
		all = append(all, t)
		return nil
	}, `SELECT part, place, attempts, first, not_before, status, error, sum FROM trouble
		WHERE topic = ? AND service = ? ORDER BY part, place`, name.Topic, name.Service)
	return all, err
}

// Forget removes a subscription and what troubled it. Its dead letters stay.
func (s *Store) Forget(ctx context.Context, name Name) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := exec(ctx, tx, `DELETE FROM trouble WHERE topic = ? AND service = ?`, name.Topic, name.Service); err != nil {
			return err
		}
		return exec(ctx, tx, `DELETE FROM subscription WHERE topic = ? AND service = ?`, name.Topic, name.Service)
	})
}
