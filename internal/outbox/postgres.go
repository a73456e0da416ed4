package outbox

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/banyanrun/banyan/internal/fault"
)

const (
	postgresPoll = 250 * time.Millisecond
	// With the trigger that tells of new rows, a poll only makes up for a dropped one.
	postgresRare = 5 * time.Second
	// While an old transaction is open, each read passes over all rows that were
	// removed since. So it brings many.
	postgresRows = 4096
	// No statement of the relay takes long. One that does has lost its server.
	postgresMost = 30 * time.Second
)

// postgres is the outbox in a PostgreSQL database. An advisory lock of the
// session keeps a second relay away from the table.
//
// It never asks for rows behind the last one: a transaction that commits late
// has an early n. It asks for the first rows that are there, and removes them.
type postgres struct {
	conn  *pgx.Conn
	where string // for messages, without credentials
	told  bool   // the server notified
	rare  bool   // the trigger is there
}

func parsePostgres(url string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the address of the outbox's database cannot be read: %w", err)
	}
	config.RuntimeParams["application_name"] = "banyan outbox"
	config.RuntimeParams["timezone"] = "UTC"
	// What is removed need not be durable at once: if it comes back it is published again with the same id.
	config.RuntimeParams["synchronous_commit"] = "off"
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 5 * time.Second
	}
	return config, nil
}

func openPostgres(ctx context.Context, config *pgx.ConnConfig) (database, error) {
	config = config.Copy()
	p := &postgres{where: config.Host + "/" + config.Database}
	config.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) { p.told = true }
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the outbox's database cannot be reached: %w", err)
	}
	p.conn = conn
	if err := p.begin(ctx); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// begin takes the lock and looks whether the table can be relayed.
func (p *postgres) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, postgresMost)
	defer cancel()
	var table *uint32
	if err := p.conn.QueryRow(ctx, `SELECT to_regclass('outbox')::oid`).Scan(&table); err != nil {
		return p.explain(err)
	}
	if table == nil {
		return absent("there is no table outbox", p.where)
	}
	var locked bool
	if err := p.conn.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtext('banyan outbox'), $1::oid::int)`, *table).Scan(&locked); err != nil {
		return p.explain(err)
	}
	if !locked {
		return fault.New(fault.Conflict, "another relay has the outbox").At(p.where).
			Fix("it is taken over when that one ends; give each app and service a database of its own")
	}
	var cache int64
	err := p.conn.QueryRow(ctx, `SELECT seqcache FROM pg_sequence WHERE seqrelid = pg_get_serial_sequence('outbox', 'n')::regclass`).Scan(&cache)
	if errors.Is(err, pgx.ErrNoRows) {
		return fault.New(fault.Invalid, "the column n of the table outbox is not numbered by a sequence").At(p.where).
			Fix("make it BIGINT GENERATED ALWAYS AS IDENTITY")
	}
	if err != nil {
		return p.explain(err)
	}
	if cache != 1 {
		// Each session would take numbers in advance, and a later event could have a smaller one.
		return fault.New(fault.Invalid, "the sequence of outbox.n has CACHE %d, which loses the order of events", cache).At(p.where).
			Fix("run ALTER TABLE outbox ALTER COLUMN n SET CACHE 1")
	}
	if err := p.conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_trigger
		WHERE tgrelid = $1::oid AND tgname = 'outbox_notify' AND tgenabled <> 'D')`, *table).Scan(&p.rare); err != nil {
		return p.explain(err)
	}
	if p.rare {
		_, err = p.conn.Exec(ctx, `LISTEN outbox`)
	}
	return p.explain(err)
}

func (p *postgres) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = p.conn.Close(ctx) // the server finds out by itself
}

func (p *postgres) explain(err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Unavailable, "the outbox cannot be relayed: %w", err).At(p.where)
}

func (p *postgres) topics(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, postgresMost)
	defer cancel()
	rows, err := p.conn.Query(ctx, topicsSQL, topicsMost)
	if err != nil {
		return nil, p.explain(err)
	}
	topics, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return topics, p.explain(err)
}

func (p *postgres) read(ctx context.Context, topic string) ([]row, error) {
	ctx, cancel := context.WithTimeout(ctx, postgresMost)
	defer cancel()
	rows, err := p.conn.Query(ctx, `SELECT n, id::text, topic, type, subject,
		CASE WHEN octet_length(data::text) <= $1 THEN data::text END, coalesce(octet_length(data::text), 0),
		attributes::text, created_at::timestamptz
		FROM outbox WHERE topic = $2 ORDER BY n LIMIT $3`, dataMost, topic, postgresRows)
	if err != nil {
		return nil, p.explain(err)
	}
	defer rows.Close()
	var read []row
	for size := 0; size < bytesMost && rows.Next(); {
		var r row
		var created *time.Time
		if err := rows.Scan(&r.n, &r.id, &r.topic, &r.kind, &r.subject, &r.data, &r.size, &r.attributes, &created); err != nil {
			return nil, p.explain(err)
		}
		if created != nil {
			r.created = *created
		}
		read = append(read, r)
		size += len(r.data) + len(r.attributes)
	}
	rows.Close()
	return read, p.explain(rows.Err())
}

func (p *postgres) remove(ctx context.Context, rows []row) error {
	ctx, cancel := context.WithTimeout(ctx, postgresMost)
	defer cancel()
	ns, ids := make([]int64, len(rows)), make([]string, len(rows))
	for i := range rows {
		ns[i], ids[i] = rows[i].n, rows[i].id
	}
	_, err := p.conn.Exec(ctx, `DELETE FROM outbox USING unnest($1::bigint[], $2::text[]) AS done (n, id)
		WHERE outbox.n = done.n AND outbox.id::text = done.id`, ns, ids)
	return p.explain(err)
}

func (p *postgres) refuse(ctx context.Context, rows []refusal) error {
	ctx, cancel := context.WithTimeout(ctx, postgresMost)
	defer cancel()
	return p.explain(pgx.BeginFunc(ctx, p.conn, func(tx pgx.Tx) error {
		var there bool
		if err := tx.QueryRow(ctx, `SELECT to_regclass('outbox_refused') IS NOT NULL`).Scan(&there); err != nil {
			return err
		}
		if !there { // asked before, since CREATE … IF NOT EXISTS wants the right to create even then
			if _, err := tx.Exec(ctx, `CREATE TABLE outbox_refused AS
				SELECT `+columns+`, '' AS reason, now() AS refused_at FROM outbox WITH NO DATA`); err != nil {
				return err
			}
		}
		for _, r := range rows {
			if _, err := tx.Exec(ctx, `WITH gone AS (DELETE FROM outbox WHERE n = $1 AND id::text = $2 RETURNING *)
				INSERT INTO outbox_refused (`+columns+`, reason, refused_at) SELECT `+columns+`, $3, now() FROM gone`,
				r.n, r.id, r.reason); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (p *postgres) count(ctx context.Context) (waiting, refused int, err error) {
	ctx, cancel := context.WithTimeout(ctx, postgresMost)
	defer cancel()
	if err := p.conn.QueryRow(ctx, countSQL("outbox"), countMost).Scan(&waiting); err != nil {
		return 0, 0, p.explain(err)
	}
	var there bool
	err = p.conn.QueryRow(ctx, `SELECT to_regclass('outbox_refused') IS NOT NULL`).Scan(&there)
	if err == nil && there {
		err = p.conn.QueryRow(ctx, countSQL("outbox_refused"), countMost).Scan(&refused)
	}
	return waiting, refused, p.explain(err)
}

func (p *postgres) wait(ctx context.Context, until time.Time) error {
	pause := postgresPoll
	if p.rare {
		pause = postgresRare
	}
	pause = min(pause, time.Until(until))
	if !p.rare {
		sleep(ctx, pause)
		return ctx.Err()
	}
	if !p.told {
		waiting, cancel := context.WithTimeout(ctx, pause)
		defer cancel()
		if err := p.conn.PgConn().WaitForNotification(waiting); err != nil && waiting.Err() == nil {
			return p.explain(err)
		}
	}
	p.told = false // the notifications still to come, if any, lead to another read
	return ctx.Err()
}
