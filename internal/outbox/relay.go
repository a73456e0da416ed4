package outbox

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/crashpoint"
	"github.com/banyanrun/banyan/internal/fault"
)

// Pauses after failures, doubling from the first to the second.
const (
	pauseFirst = 100 * time.Millisecond
	pauseMost  = time.Second
	holdMost   = 5 * time.Second
)

const (
	absentGrace  = time.Minute      // how long a database or a table may be missing before it is trouble
	publishMost  = 30 * time.Second // of one publish
	settleMost   = 10 * time.Second // of settling what is published when the relay is to end
	countEvery   = time.Second      // while rows wait
	recountEvery = 10 * time.Second // while none do
)

// errAbsent: there is no database or no table yet, as before a service's first start.
var errAbsent = errors.New("it is not there")

// errReplaced: the file is another one than the one that was opened.
var errReplaced = errors.New("the database was replaced")

// Relay relays one database. Stat may be called at any time, Run once.
type Relay struct {
	service string
	open    func(context.Context) (database, error)
	bus     Publisher
	log     *slog.Logger

	// Run's own.
	holds   map[string]hold
	counted time.Time // when the rows were counted
	since   time.Time // of the failure that lasts; zero: none

	mu   sync.Mutex
	stat Stat
}

// hold says that a topic takes no events.
type hold struct {
	until time.Time
	pause time.Duration // the last one of our own choice
	why   error
}

// Run relays until ctx ends, and returns nil then. No failure ends it.
func (r *Relay) Run(ctx context.Context) error {
	for pause := pauseFirst; ctx.Err() == nil; pause = min(2*pause, pauseMost) {
		worked, err := r.session(ctx)
		switch {
		case ctx.Err() != nil: // which is what ended the session
		case errors.Is(err, errReplaced):
			r.log.InfoContext(ctx, "the outbox's database was replaced; it is opened again")
		default:
			if worked {
				pause = pauseFirst
			}
			r.failed(ctx, err, time.Now())
			sleep(ctx, pause)
		}
	}
	return nil
}

// Stat returns what the relay has seen last.
func (r *Relay) Stat() Stat {
	r.mu.Lock()
	defer r.mu.Unlock()
	stat := r.stat
	stat.Held = slices.Clone(stat.Held)
	return stat
}

// session opens the database and relays until something fails. It says whether anything worked.
func (r *Relay) session(ctx context.Context) (worked bool, err error) {
	db, err := r.open(ctx)
	if err != nil {
		return false, err
	}
	defer db.close()
	for {
		more, err := r.pass(ctx, db)
		if err == nil {
			err = r.count(ctx, db)
		}
		if err != nil {
			return worked, err
		}
		worked = true
		r.works(ctx)
		if more {
			continue
		}
		if err := db.wait(ctx, r.due()); err != nil {
			return worked, err
		}
	}
}

// pass relays one read of each topic that is not held. It says whether there may be more.
func (r *Relay) pass(ctx context.Context, db database) (more bool, err error) {
	topics, err := db.topics(ctx)
	if err != nil {
		return false, err
	}
	r.forget(topics)
	for _, topic := range topics {
		if r.holds[topic].until.After(time.Now()) {
			continue
		}
		full, err := r.relay(ctx, db, topic)
		if err != nil {
			return false, err
		}
		more = more || full
	}
	return more, nil
}

// relay publishes and removes the first rows of a topic. It says whether there
// may be more that can be published now.
func (r *Relay) relay(ctx context.Context, db database, topic string) (more bool, err error) {
	rows, err := db.read(ctx, topic)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	crashpoint.Pass(crashpoint.OutboxRead)
	var published []row
	var refused []refusal
	for chunk := range slices.Chunk(rows, chunkMost) {
		var done []row
		var never []refusal
		done, never, err = r.publish(ctx, topic, chunk)
		published, refused = append(published, done...), append(refused, never...)
		if err != nil {
			break // what follows has to wait its turn
		}
	}
	crashpoint.Pass(crashpoint.OutboxPublished)
	// What the bus has is removed even when the relay is to end: it need not come twice.
	settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleMost)
	defer cancel()
	if len(published) > 0 {
		if err := db.remove(settling, published); err != nil {
			return false, err
		}
		r.mu.Lock()
		r.stat.Published += uint64(len(published))
		r.mu.Unlock()
	}
	if len(refused) > 0 {
		// Where they cannot be moved they hold up their own topic alone.
		err = errors.Join(err, r.refuse(settling, db, topic, refused))
	}
	crashpoint.Pass(crashpoint.OutboxDeleted)
	if err != nil && ctx.Err() != nil { // the bus did not refuse; it was interrupted
		return false, ctx.Err()
	}
	r.hold(topic, err)
	return err == nil, nil
}

func (r *Relay) refuse(ctx context.Context, db database, topic string, refused []refusal) error {
	if err := db.refuse(ctx, refused); err != nil {
		return fault.New(fault.Unavailable, "refused rows cannot be moved to the table outbox_refused: %w", err)
	}
	r.counted = time.Time{}
	r.log.WarnContext(ctx, "events of the outbox are refused and kept in the table outbox_refused",
		"topic", topic, "rows", len(refused), "first_id", refused[0].id, "first_reason", refused[0].reason)
	return nil
}

// publish hands rows of a topic to the bus. What is in neither result has to be published again.
func (r *Relay) publish(ctx context.Context, topic string, rows []row) (published []row, refused []refusal, err error) {
	events := make([]cloudevent.Event, 0, len(rows))
	sent := make([]row, 0, len(rows))
	for i := range rows {
		event, err := rows[i].event(r.service)
		if err != nil {
			refused = append(refused, refusal{rows[i], err.Error()})
			continue
		}
		events, sent = append(events, event), append(sent, rows[i])
	}
	if len(events) == 0 {
		return nil, refused, nil
	}
	ctx, cancel := context.WithTimeout(ctx, publishMost)
	defer cancel()
	results, err := r.bus.Publish(ctx, r.service, topic, events)
	if err == nil && results == nil {
		return sent, refused, nil
	}
	if err == nil && len(results) != len(events) {
		err = fault.New(fault.Internal, "%d results for %d events", len(results), len(events))
	}
	if err != nil {
		return nil, refused, err
	}
	for i, why := range results {
		if why != nil {
			refused = append(refused, refusal{sent[i], why.Error()})
		} else {
			published = append(published, sent[i])
		}
	}
	return published, refused, nil
}

// hold leaves a topic out after an error, and takes it in again after none.
func (r *Relay) hold(topic string, err error) {
	before, held := r.holds[topic]
	switch later, ok := errors.AsType[*Later](err); {
	case err == nil && !held:
		return
	case err == nil:
		delete(r.holds, topic)
	default:
		pause := min(max(2*before.pause, pauseFirst), holdMost)
		h := hold{until: time.Now().Add(pause), pause: pause, why: err}
		if ok && later.Until.After(time.Now().Add(pauseFirst)) {
			h.until = later.Until
		}
		r.holds[topic] = h
	}
	r.showHeld()
}

// forget drops holds of topics that have no rows any more.
func (r *Relay) forget(topics []string) {
	for topic := range r.holds {
		if !slices.Contains(topics, topic) {
			delete(r.holds, topic)
			r.showHeld()
		}
	}
}

func (r *Relay) showHeld() {
	held := make([]Held, 0, len(r.holds))
	for topic, h := range r.holds {
		held = append(held, Held{Topic: topic, Until: h.until, Why: h.why})
	}
	slices.SortFunc(held, func(a, b Held) int { return strings.Compare(a.Topic, b.Topic) })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stat.Held = held
}

// due returns when there is something to do even if no row comes: a held topic
// is tried again, or the rows are counted.
func (r *Relay) due() time.Time {
	due := r.counted.Add(r.countEvery())
	for _, h := range r.holds {
		if h.until.Before(due) {
			due = h.until
		}
	}
	return due
}

func (r *Relay) countEvery() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stat.Waiting > 0 {
		return countEvery
	}
	return recountEvery
}

// count refreshes the rows in Stat now and then.
func (r *Relay) count(ctx context.Context, db database) error {
	if time.Since(r.counted) < r.countEvery() {
		return nil
	}
	waiting, refused, err := db.count(ctx)
	if err != nil {
		return err
	}
	r.counted = time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stat.Waiting, r.stat.Refused = waiting, refused
	return nil
}

// failed shows and logs a failure, once while it stays the same.
func (r *Relay) failed(ctx context.Context, err error, now time.Time) {
	if r.since.IsZero() {
		r.since = now
	}
	if errors.Is(err, errAbsent) && now.Sub(r.since) < absentGrace {
		return
	}
	if _, ok := errors.AsType[*fault.Error](err); !ok {
		err = fault.New(fault.Unavailable, "the outbox of service %q cannot be relayed: %w", r.service, err)
	}
	r.mu.Lock()
	before := r.stat.Trouble
	r.stat.Trouble, r.stat.Since = err, r.since
	r.mu.Unlock()
	if before == nil || before.Error() != err.Error() {
		r.log.WarnContext(ctx, "the outbox is not relayed; its rows wait", "error", err)
	}
}

// works notes that the database can be relayed.
func (r *Relay) works(ctx context.Context) {
	if r.since.IsZero() {
		return
	}
	r.since = time.Time{}
	r.mu.Lock()
	before := r.stat.Trouble
	r.stat.Trouble, r.stat.Since = nil, time.Time{}
	r.mu.Unlock()
	if before != nil {
		r.log.InfoContext(ctx, "the outbox is relayed again")
	}
}

// sleep waits for a time, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// absent says what is missing and how to make it.
func absent(what, where string) error {
	return fault.New(fault.NotFound, "%s: %w", what, errAbsent).At(where).
		Fix("make it in the service's migration, as docs/events.md says, or remove `outbox: true`")
}
