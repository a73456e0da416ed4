package progress

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/sqlite"
)

// Dead is an event that a subscription gave up.
type Dead struct {
	N int64 // grows; unique in the store
	Name
	Event    engine.Stored
	Attempts int
	// First and Last are when the first and the last attempt ended.
	First, Last time.Time
	Status      int    // of the last answer; 0: none came
	Error       string // of the last attempt
	Response    []byte // the beginning of the last answer's body
}

// AddDead stores a dead letter, and with it what is to be published because of it,
// if that is not nil. An event that is one already for the same subscription keeps
// its number and gets the new reasons.
func (s *Store) AddDead(ctx context.Context, d Dead, more *Delayed) error {
	text, data, err := columns(d.Event.Record)
	if err != nil {
		return err
	}
	if d.Response == nil {
		d.Response = []byte{}
	}
	row := []any{
		d.Topic, d.Service, int64(d.Event.Partition), int64(d.Event.Offset), text, data, int64(d.Attempts),
		micros(d.First), micros(d.Last), int64(d.Status), d.Error, d.Response,
	}
	return s.db.Write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if more != nil {
			if _, err := addDelayed(ctx, tx, *more); err != nil {
				return err
			}
		}
		return exec(ctx, tx, `INSERT INTO dead (topic, service, part, place, head, data, attempts, first, last, status, error, response, sum)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (topic, service, part, place) DO UPDATE SET head = excluded.head, data = excluded.data, attempts = excluded.attempts,
			first = excluded.first, last = excluded.last, status = excluded.status, error = excluded.error,
			response = excluded.response, sum = excluded.sum`, append(row, sqlite.Sum(row...))...)
	})
}

// ListDead returns at most most dead letters of a topic with numbers after one,
// in their order. An empty service means all.
func (s *Store) ListDead(ctx context.Context, topic, service string, after int64, most int) ([]Dead, error) {
	return s.dead(ctx, `topic = ? AND (? = '' OR service = ?) AND n > ? ORDER BY n LIMIT ?`, topic, service, service, after, most)
}

// GetDead returns one dead letter, and false if there is none.
func (s *Store) GetDead(ctx context.Context, n int64) (Dead, bool, error) {
	found, err := s.dead(ctx, `n = ?`, n)
	if err != nil || len(found) == 0 {
		return Dead{}, false, err
	}
	return found[0], true, nil
}

func (s *Store) dead(ctx context.Context, where string, args ...any) ([]Dead, error) {
	var all []Dead
	err := s.each(ctx, func(scan func(...any) error) error {
		var d Dead
		var part, place, attempts, first, last, status int64
		var text string
		var data []byte
		var sum uint32
		if err := scan(&d.N, &d.Topic, &d.Service, &part, &place, &text, &data, &attempts, &first, &last, &status, &d.Error, &d.Response, &sum); err != nil {
			return err
		}
		if err := s.db.Check(fmt.Sprintf("dead letter %d", d.N), sum, d.Topic, d.Service, part, place, text, data, attempts,
			first, last, status, d.Error, d.Response); err != nil {
			return err
		}
		var err error
		if d.Event.Record, err = record(text, data); err != nil {
			return err
		}
		d.Event.Position = engine.Position{Partition: int32(part), Offset: uint64(place)}
		d.Attempts, d.Status, d.First, d.Last = int(attempts), int(status), fromMicros(first), fromMicros(last)
		all = append(all, d)
		return nil
	}, `SELECT n, topic, service, part, place, head, data, attempts, first, last, status, error, response, sum FROM dead WHERE `+where, args...)
	return all, err
}

// CountDead returns how many dead letters each subscription has, where it has any.
func (s *Store) CountDead(ctx context.Context) (map[Name]int, error) {
	all := map[Name]int{}
	err := s.each(ctx, func(scan func(...any) error) error {
		var name Name
		var count int
		err := scan(&name.Topic, &name.Service, &count)
		all[name] = count
		return err
	}, `SELECT topic, service, count(*) FROM dead GROUP BY topic, service`)
	return all, err
}

// DropDead removes dead letters of a topic and returns how many: the one with a
// number, unless that is 0, and only those of a service, unless that is empty.
func (s *Store) DropDead(ctx context.Context, topic, service string, n int64) (count int64, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `DELETE FROM dead WHERE topic = ? AND (? = '' OR service = ?) AND (? = 0 OR n = ?)`, topic, service, service, n, n)
		if err != nil {
			return err
		}
		count, err = result.RowsAffected()
		return err
	})
	return count, err
}

// RemoveDead removes a dead letter, if it is there.
func (s *Store) RemoveDead(ctx context.Context, n int64) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sql.Tx) error { return exec(ctx, tx, `DELETE FROM dead WHERE n = ?`, n) })
}
