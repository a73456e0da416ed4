package progress

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/sqlite"
)

// Schemas returns the newest schema of each topic that ever had one. An empty one
// says that it has none now.
func (s *Store) Schemas(ctx context.Context) (map[string][]byte, error) {
	all := map[string][]byte{}
	err := s.each(ctx, func(scan func(...any) error) error {
		var topic string
		var version int64
		var text []byte
		var sum uint32
		if err := scan(&topic, &version, &text, &sum); err != nil {
			return err
		}
		all[topic] = text
		return s.db.Check("the schema of topic "+topic, sum, topic, version, text)
	}, `SELECT topic, max(version), text, sum FROM schema GROUP BY topic`)
	return all, err
}

// AddSchema stores a topic's next schema.
func (s *Store) AddSchema(ctx context.Context, topic string, text []byte) error {
	if text == nil {
		text = []byte{}
	}
	return s.db.Write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var version int64
		if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) + 1 FROM schema WHERE topic = ?`, topic).Scan(&version); err != nil {
			return err
		}
		return exec(ctx, tx, `INSERT INTO schema VALUES (?, ?, ?, ?)`, topic, version, text, sqlite.Sum(topic, version, text))
	})
}

// Marks are how far each topic was seen to reach: what lies before them was acknowledged.
type Marks map[string][]engine.Position

// Marks returns all marks.
func (s *Store) Marks(ctx context.Context) (Marks, error) {
	all := Marks{}
	err := s.each(ctx, func(scan func(...any) error) error {
		var topic string
		var part, place int64
		var sum uint32
		if err := scan(&topic, &part, &place, &sum); err != nil {
			return err
		}
		all[topic] = append(all[topic], engine.Position{Partition: int32(part), Offset: uint64(place)})
		return s.db.Check(fmt.Sprintf("the mark of topic %s", topic), sum, topic, part, place)
	}, `SELECT topic, part, place, sum FROM mark ORDER BY topic, part`)
	return all, err
}

// Mark stores marks.
func (s *Store) Mark(ctx context.Context, marks Marks) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sql.Tx) error { return mark(ctx, tx, marks) })
}

func mark(ctx context.Context, tx *sql.Tx, marks Marks) error {
	for topic, positions := range marks {
		for _, p := range positions {
			part, place := int64(p.Partition), int64(p.Offset)
			if err := exec(ctx, tx, `INSERT OR REPLACE INTO mark VALUES (?, ?, ?, ?)`,
				topic, part, place, sqlite.Sum(topic, part, place)); err != nil {
				return err
			}
		}
	}
	return nil
}
