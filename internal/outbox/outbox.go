package outbox

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/fault"
)

// Publisher is what the relay needs of the bus.
type Publisher interface {
	// Publish stores events of one topic, in order, and returns when they are
	// durable. Of the result, which is nil or as long as events, an entry that is
	// not nil says why that event can never be published; all others are stored.
	//
	// An error says that the topic takes no events now. Some may be stored then;
	// the relay publishes all again, with the same ids, at the time that a *Later
	// among the error's causes names, or after a pause that grows.
	Publish(ctx context.Context, service, topic string, events []cloudevent.Event) ([]error, error)
}

// Later is an error of Publisher that says when to try again.
type Later struct {
	Until time.Time
	Err   error // why
}

// Error returns the cause's text.
func (e *Later) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Later) Unwrap() error { return e.Err }

// Options are what a Relay is made of. All are required.
type Options struct {
	Service string
	// URL of the database: sqlite:// and an absolute path, or postgres://….
	URL string
	Bus Publisher
	Log *slog.Logger
}

// Stat is what a relay has seen last.
type Stat struct {
	Service string
	// Waiting and Refused count rows of outbox and outbox_refused; 10,000 stands for
	// that many or more. They are at most a few seconds old.
	Waiting, Refused int
	// Published counts rows since the relay was made, those that came twice included.
	Published uint64
	// Held are topics that take no events now, by name.
	Held []Held
	// Trouble says why nothing is relayed since Since; nil: all is well.
	Trouble error
	Since   time.Time
}

// Held is a topic that the relay leaves out.
type Held struct {
	Topic string
	Until time.Time
	Why   error
}

// database is an open outbox. It is used by one goroutine, and closed after an
// error of any method but refuse. Each call is a short transaction of its own.
type database interface {
	// topics returns the topics that have rows, in any order, at most topicsMost.
	topics(ctx context.Context) ([]string, error)
	// read returns the first rows of a topic by n, a bounded number of them of about
	// bytesMost at most, and at least one if there is one.
	read(ctx context.Context, topic string) ([]row, error)
	// remove removes rows.
	remove(ctx context.Context, rows []row) error
	// refuse moves rows to outbox_refused, which it makes if need be.
	refuse(ctx context.Context, rows []refusal) error
	// count returns the rows of both tables, each at most countMost.
	count(ctx context.Context) (waiting, refused int, err error)
	// wait returns when there may be new rows, or at until.
	wait(ctx context.Context, until time.Time) error
	close()
}

// Bounds of what is read, published and counted at a time.
const (
	topicsMost = 1000
	chunkMost  = 256 // of one publish
	bytesMost  = 4 << 20
	dataMost   = 8 << 20 // of one row; more is refused without being read
	countMost  = 10_000
)

// New returns a relay, which does nothing before Run. The error is a
// fault.Invalid: the URL is none of a database that it knows.
func New(o Options) (*Relay, error) {
	r := &Relay{
		service: o.Service, bus: o.Bus, log: o.Log.With("service", o.Service),
		holds: map[string]hold{}, stat: Stat{Service: o.Service},
	}
	kind, rest, _ := strings.Cut(o.URL, "://")
	switch kind {
	case "sqlite":
		r.open = func(ctx context.Context) (database, error) { return openSQLite(ctx, rest) }
	case "postgres", "postgresql":
		config, err := parsePostgres(o.URL)
		if err != nil {
			return nil, err
		}
		r.open = func(ctx context.Context) (database, error) { return openPostgres(ctx, config) }
	default:
		return nil, fault.New(fault.Invalid, "the outbox of service %q is in a database of the kind %q", o.Service, kind).
			Fix("sqlite:// and postgres:// are known")
	}
	return r, nil
}
