package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/banyanrun/banyan/internal/sqlite"
)

// table collects rows of a statement that takes them as one array a column.
type table struct{ columns []any }

func (t *table) add(row ...any) {
	if t.columns == nil {
		t.columns = make([]any, len(row))
	}
	for i, v := range row {
		switch v := v.(type) {
		case string:
			all, _ := t.columns[i].([]string)
			t.columns[i] = append(all, v)
		case int64:
			all, _ := t.columns[i].([]int64)
			t.columns[i] = append(all, v)
		case uint32:
			all, _ := t.columns[i].([]int64)
			t.columns[i] = append(all, int64(v))
		case []byte:
			all, _ := t.columns[i].([][]byte)
			t.columns[i] = append(all, v)
		}
	}
}

func (t *table) empty() bool { return t.columns == nil }

// commit makes writes in one transaction, of a few statements however many they are.
func (s *server) commit(ctx context.Context, writes []*write) error {
	for _, w := range writes {
		w.err = nil
	}
	return s.write(ctx, func(tx pgx.Tx) error {
		if err := s.create(ctx, tx, writes); err != nil {
			return err
		}
		if err := s.update(ctx, tx, writes); err != nil {
			return err
		}
		return s.rest(ctx, tx, writes)
	})
}

const createSagas = `INSERT INTO saga (` + columns + `, sum)
	SELECT ` + columns + `, sum FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
		$10::text[], $11::text[], $12::text[], $13::text[], $14::bytea[], $15::bytea[], $16::bigint[])
		AS u (` + columns + `, sum)
	ON CONFLICT DO NOTHING RETURNING n, id`

func (s *server) create(ctx context.Context, tx pgx.Tx, writes []*write) error {
	var rows table
	for _, w := range writes {
		if w.create != nil {
			values := w.create.Saga.values()
			rows.add(append(values, sqlite.Sum(values...))...)
		}
	}
	if rows.empty() {
		return nil
	}
	result, err := tx.Query(ctx, createSagas, rows.columns...)
	if err != nil {
		return err
	}
	made := map[string]int64{}
	var n int64
	var id string
	if _, err := pgx.ForEachRow(result, []any{&n, &id}, func() error { made[id] = n; return nil }); err != nil {
		return err
	}
	for _, w := range writes {
		if w.create == nil {
			continue
		}
		w.saga, w.made = w.create.Saga, false
		if n, ok := made[w.saga.ID]; ok {
			w.saga.N, w.made = n, true
			delete(made, w.saga.ID) // of two with the same ID in one group the first is the one
			continue
		}
		row := tx.QueryRow(ctx, `SELECT n, `+columns+`, sum FROM saga WHERE id = $1 OR key <> '' AND started_by = $2 AND key = $3`, w.saga.ID, w.saga.By, w.saga.Key)
		if w.saga, err = scanSaga(s.where, row.Scan); err != nil {
			return err
		}
	}
	return nil
}

const updateSagas = `UPDATE saga SET status = u.status, version = u.version, due = u.due, expires = u.expires, updated = u.updated, sum = u.sum, doc = u.doc
	FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bytea[])
		AS u (n, status, version, due, expires, updated, sum, doc)
	WHERE saga.n = u.n AND saga.version = u.version - 1 RETURNING saga.n`

func (s *server) update(ctx context.Context, tx pgx.Tx, writes []*write) error {
	var rows table
	first := map[int64]*write{}
	for _, w := range writes {
		if w.update == nil {
			continue
		}
		row := &w.update.Saga
		w.err = ErrVersion
		if first[row.N] != nil {
			continue // its caller has not seen what the first makes of it
		}
		first[row.N] = w
		rows.add(row.N, row.Status, row.Version, micros(row.Due), micros(row.Expires), micros(row.Updated), sqlite.Sum(row.values()...), bytes(row.Doc))
	}
	if rows.empty() {
		return nil
	}
	result, err := tx.Query(ctx, updateSagas, rows.columns...)
	if err != nil {
		return err
	}
	var n int64
	_, err = pgx.ForEachRow(result, []any{&n}, func() error { first[n].err = nil; return nil })
	return err
}

// rest writes what goes with the rows that were written.
func (s *server) rest(ctx context.Context, tx pgx.Tx, writes []*write) error {
	var lines, waits table
	var dropped []int64
	for _, w := range writes {
		c := w.change()
		row := c.Saga
		if w.create != nil {
			row.N = w.saga.N
		}
		if w.err != nil || w.create != nil && !w.made {
			continue
		}
		if at := micros(row.Updated); len(c.Log) > 0 {
			lines.add(row.N, row.Version, at, c.Log, sqlite.Sum(row.N, row.Version, at, c.Log))
		}
		if c.Waits != nil && row.Version > 1 {
			dropped = append(dropped, row.N)
		}
		for _, wait := range c.Waits {
			waits.add(wait.Topic, wait.Value, row.N, row.ID, wait.Step, sqlite.Sum(wait.Topic, wait.Value, row.N, row.ID, wait.Step))
		}
	}
	if !lines.empty() {
		if _, err := tx.Exec(ctx, `INSERT INTO saga_log SELECT n, version, at, text, sum
			FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bigint[]) AS u (n, version, at, text, sum)`, lines.columns...); err != nil {
			return err
		}
	}
	if dropped != nil {
		if _, err := tx.Exec(ctx, `DELETE FROM waiting WHERE saga = ANY($1)`, dropped); err != nil {
			return err
		}
	}
	if !waits.empty() {
		if _, err := tx.Exec(ctx, `INSERT INTO waiting SELECT topic, value, n, id, step, sum
			FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[]) AS u (topic, value, n, id, step, sum)`, waits.columns...); err != nil {
			return err
		}
	}
	return nil
}
