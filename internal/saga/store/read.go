package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/sqlite"
)

// reader is the half of a store that both databases have in common.
type reader struct {
	db    *sql.DB
	where string // for messages: a path, or an address without credentials
	// mark begins a placeholder: ? in SQLite, $ in PostgreSQL.
	mark string
}

// sql returns a query with $1 as the database wants it.
func (r *reader) sql(query string) string { return strings.ReplaceAll(query, "$", r.mark) }

func (r *reader) each(ctx context.Context, row func(scan func(...any) error) error, query string, args ...any) error {
	rows, err := r.db.QueryContext(ctx, r.sql(query), args...)
	if err != nil {
		return unreadable(r.where, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return unreadable(r.where, err)
		}
	}
	if err := rows.Err(); err != nil {
		return unreadable(r.where, err)
	}
	return nil
}

func (r *reader) sagas(ctx context.Context, query string, args ...any) ([]Saga, error) {
	var all []Saga
	err := r.each(ctx, func(scan func(...any) error) error {
		s, err := scanSaga(r.where, scan)
		all = append(all, s)
		return err
	}, `SELECT n, `+columns+`, sum FROM saga `+query, args...)
	return all, err
}

// Load returns a saga.
func (r *reader) Load(ctx context.Context, id string) (Saga, error) {
	return one(r.sagas(ctx, `WHERE id = $1`, id))
}

func one(found []Saga, err error) (Saga, error) {
	switch {
	case err != nil:
		return Saga{}, err
	case len(found) == 0:
		return Saga{}, ErrNotFound
	}
	return found[0], found[0].Damage
}

// conditions builds WHERE clauses.
type conditions struct {
	text []string
	args []any
}

func (c *conditions) add(format string, args ...any) {
	marks := make([]any, len(args))
	for i := range args {
		marks[i] = fmt.Sprintf("$%d", len(c.args)+i+1)
	}
	c.text = append(c.text, fmt.Sprintf(format, marks...))
	c.args = append(c.args, args...)
}

func (c *conditions) among(column string, values []string) {
	if len(values) == 0 {
		return
	}
	var marks []string
	for _, v := range values {
		c.args = append(c.args, v)
		marks = append(marks, fmt.Sprintf("$%d", len(c.args)))
	}
	c.text = append(c.text, column+" IN ("+strings.Join(marks, ", ")+")")
}

func (c *conditions) where() string {
	if len(c.text) == 0 {
		return ""
	}
	return "WHERE " + strings.Join(c.text, " AND ")
}

// List returns sagas, the newest first.
func (r *reader) List(ctx context.Context, f Filter) ([]Saga, error) {
	var c conditions
	c.among("name", f.Names)
	c.among("status", f.Statuses)
	if f.Parent != "" {
		c.add("parent = %s", f.Parent)
	}
	if f.Before > 0 {
		c.add("n < %s", f.Before)
	}
	where := c.where()
	c.add("LIMIT %s", f.Most)
	all, err := r.sagas(ctx, where+" ORDER BY n DESC "+c.text[len(c.text)-1], c.args...)
	for i := range all {
		all[i].Doc = nil
	}
	return all, err
}

// Page returns sagas by N. Each status is asked for by itself: for several the
// database would sort all there are.
func (r *reader) Page(ctx context.Context, statuses []string, after, until int64, most int) ([]Saga, error) {
	var all []Saga
	for _, status := range statuses {
		found, err := r.sagas(ctx, `WHERE status = $1 AND n > $2 AND n <= $3 ORDER BY n LIMIT $4`, status, after, until, most)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.SortFunc(all, func(a, b Saga) int { return cmp.Compare(a.N, b.N) })
	return all[:min(len(all), most)], nil
}

// Last returns the highest N.
func (r *reader) Last(ctx context.Context) (n int64, err error) {
	err = r.each(ctx, func(scan func(...any) error) error { return scan(&n) }, `SELECT coalesce(max(n), 0) FROM saga`)
	return n, err
}

// Due returns what is due, by that.
func (r *reader) Due(ctx context.Context, from, before time.Time, most int) ([]Timer, error) {
	var all []Timer
	err := r.each(ctx, func(scan func(...any) error) error {
		var t Timer
		var due int64
		err := scan(&t.N, &t.ID, &due)
		t.Due = fromMicros(due)
		all = append(all, t)
		return err
	}, `SELECT n, id, due FROM saga WHERE due > 0 AND due >= $1 AND due < $2 ORDER BY due LIMIT $3`, micros(from), micros(before), most)
	return all, err
}

// Log returns a saga's log.
func (r *reader) Log(ctx context.Context, n, after int64, most int) ([]Line, error) {
	var all []Line
	err := r.each(ctx, func(scan func(...any) error) error {
		l, err := scanLine(r.where, strconv.FormatInt(n, 10), scan)
		all = append(all, l)
		return err
	}, `SELECT saga, version, at, text, sum FROM saga_log WHERE saga = $1 AND version > $2 ORDER BY version LIMIT $3`, n, after, most)
	return all, err
}

// Topics returns the topics that are waited for.
func (r *reader) Topics(ctx context.Context) ([]string, error) {
	var all []string
	err := r.each(ctx, func(scan func(...any) error) error {
		var topic string
		err := scan(&topic)
		all = append(all, topic)
		return err
	}, `SELECT DISTINCT topic FROM waiting ORDER BY topic`)
	return all, err
}

// Waiting returns who waits for a topic.
func (r *reader) Waiting(ctx context.Context, topic string, values []string, after int64, most int) ([]Waiting, error) {
	var c conditions
	c.add("topic = %s", topic)
	c.among("value", values)
	c.add("saga > %s", after)
	where := c.where()
	c.add("LIMIT %s", most)
	var all []Waiting
	err := r.each(ctx, func(scan func(...any) error) error {
		var w Waiting
		var sum int64
		if err := scan(&w.Topic, &w.Value, &w.N, &w.ID, &w.Step, &sum); err != nil {
			return err
		}
		if int64(sqlite.Sum(w.Topic, w.Value, w.N, w.ID, w.Step)) != sum {
			return damaged(r.where, "a wait for "+topic)
		}
		all = append(all, w)
		return nil
	}, `SELECT topic, value, saga, id, step, sum FROM waiting `+where+` ORDER BY saga, step `+c.text[len(c.text)-1], c.args...)
	return all, err
}

// Count returns how many sagas there are of each status.
func (r *reader) Count(ctx context.Context) (map[string]int, error) {
	all := map[string]int{}
	err := r.each(ctx, func(scan func(...any) error) error {
		var status string
		var n int
		err := scan(&status, &n)
		all[status] = n
		return err
	}, `SELECT status, count(*) FROM saga GROUP BY status`)
	return all, err
}

// Definition returns a definition.
func (r *reader) Definition(ctx context.Context, digest string) (Definition, error) {
	var d Definition
	err := r.each(ctx, func(scan func(...any) error) error {
		var sum int64
		if err := scan(&d.Digest, &d.Name, &d.Text, &sum); err != nil {
			return err
		}
		if int64(sqlite.Sum(d.Digest, d.Name, d.Text)) != sum {
			return damaged(r.where, "the definition "+digest)
		}
		return nil
	}, `SELECT digest, name, text, sum FROM definition WHERE digest = $1`, digest)
	switch {
	case err != nil:
		return Definition{}, err
	case d.Digest == "":
		return Definition{}, ErrNotFound
	}
	return d, nil
}
