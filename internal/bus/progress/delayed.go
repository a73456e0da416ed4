package progress

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/sqlite"
)

// Delayed is an event to be published later.
type Delayed struct {
	N     int64 // grows; unique in the store
	Due   time.Time
	Topic string
	Event engine.Record // its ID is what tells it from others of its topic
}

// AddDelayed stores events, all or none, and says for each whether one with the
// same ID waits in the topic already and it was left out.
func (s *Store) AddDelayed(ctx context.Context, events []Delayed) (duplicate []bool, err error) {
	duplicate = make([]bool, len(events))
	err = s.db.Write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for i, d := range events {
			var err error
			if duplicate[i], err = addDelayed(ctx, tx, d); err != nil {
				return err
			}
		}
		return nil
	})
	return duplicate, err
}

func addDelayed(ctx context.Context, tx *sql.Tx, d Delayed) (duplicate bool, err error) {
	text, data, err := columns(d.Event)
	if err != nil {
		return false, err
	}
	row := []any{micros(d.Due), d.Topic, d.Event.ID[:], text, data}
	result, err := tx.ExecContext(ctx, `INSERT INTO delayed (due, topic, id, head, data, sum) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (topic, id) DO NOTHING`, append(row, sqlite.Sum(row...))...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 0, err
}

// Due returns at most most events that are due at now, the earliest first, but for
// those of the topics in skip.
func (s *Store) Due(ctx context.Context, now time.Time, skip []string, most int) ([]Delayed, error) {
	list, err := json.Marshal(append([]string{}, skip...))
	if err != nil {
		return nil, err
	}
	return s.waiting(ctx, `due <= ? AND topic NOT IN (SELECT value FROM json_each(?)) ORDER BY due, n LIMIT ?`, micros(now), string(list), most)
}

// ListDelayed returns at most most events of a topic with numbers after one, in their order.
func (s *Store) ListDelayed(ctx context.Context, topic string, after int64, most int) ([]Delayed, error) {
	return s.waiting(ctx, `topic = ? AND n > ? ORDER BY n LIMIT ?`, topic, after, most)
}

func (s *Store) waiting(ctx context.Context, where string, args ...any) ([]Delayed, error) {
	var all []Delayed
	err := s.each(ctx, func(scan func(...any) error) error {
		var d Delayed
		var due int64
		var id, data []byte
		var text string
		var sum uint32
		if err := scan(&d.N, &due, &d.Topic, &id, &text, &data, &sum); err != nil {
			return err
		}
		if err := s.db.Check(fmt.Sprintf("delayed event %d", d.N), sum, due, d.Topic, id, text, data); err != nil {
			return err
		}
		var err error
		d.Event, err = record(text, data)
		d.Due = fromMicros(due)
		all = append(all, d)
		return err
	}, `SELECT n, due, topic, id, head, data, sum FROM delayed WHERE `+where, args...)
	return all, err
}

// NextDue returns when the earliest event is due; zero: there is none.
func (s *Store) NextDue(ctx context.Context) (time.Time, error) {
	var due sql.NullInt64
	err := s.db.Reader().QueryRowContext(ctx, `SELECT min(due) FROM delayed`).Scan(&due)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, s.unreadable(err)
	}
	return fromMicros(due.Int64), nil
}

// CountDelayed returns how many events of each topic wait.
func (s *Store) CountDelayed(ctx context.Context) (map[string]int, error) {
	all := map[string]int{}
	err := s.each(ctx, func(scan func(...any) error) error {
		var topic string
		var count int
		err := scan(&topic, &count)
		all[topic] = count
		return err
	}, `SELECT topic, count(*) FROM delayed GROUP BY topic`)
	return all, err
}

// DropDelayed removes events of a topic and returns how many: the one with a number,
// or all if that is 0.
func (s *Store) DropDelayed(ctx context.Context, topic string, n int64) (count int64, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `DELETE FROM delayed WHERE topic = ? AND (? = 0 OR n = ?)`, topic, n, n)
		if err != nil {
			return err
		}
		count, err = result.RowsAffected()
		return err
	})
	return count, err
}

// RemoveDelayed removes events by their numbers.
func (s *Store) RemoveDelayed(ctx context.Context, numbers []int64) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, n := range numbers {
			if err := exec(ctx, tx, `DELETE FROM delayed WHERE n = ?`, n); err != nil {
				return err
			}
		}
		return nil
	})
}
