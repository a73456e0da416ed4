package daemon

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/bus"
	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/outbox"
	"github.com/banyanrun/banyan/internal/postgres"
)

// outboxes are the relays of the services whose database has an outbox.
type outboxes struct {
	ctx  context.Context // ends all
	bus  outbox.Publisher
	data string // where services' directories are
	// database is how a service reaches its own on the app's server.
	database func(app *model.App, service string) (postgres.Address, error)
	log      *slog.Logger

	mu      sync.Mutex
	running map[string]*relay // by service
}

type relay struct {
	*outbox.Relay
	url    string
	cancel context.CancelFunc
	ended  chan struct{}
}

func newOutboxes(ctx context.Context, b outbox.Publisher, data string, log *slog.Logger) *outboxes {
	return &outboxes{ctx: ctx, bus: b, data: data, log: log, running: map[string]*relay{}}
}

// configure starts and ends relays as an app wants them.
func (o *outboxes) configure(app *model.App) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	wanted := map[string]string{} // URLs by service
	for name, s := range app.Services {
		if s.LeftOut != "" || s.Of != "" || s.Spec.Database == nil || !s.Spec.Database.Outbox {
			continue
		}
		var err error
		if wanted[name], err = o.url(app, s); err != nil {
			return err
		}
	}
	for name, r := range o.running {
		if wanted[name] != r.url {
			r.cancel()
			delete(o.running, name)
		}
	}
	for name, url := range wanted {
		if o.running[name] != nil {
			continue
		}
		r, err := outbox.New(outbox.Options{Service: name, URL: url, Bus: o.bus, Log: o.log})
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(o.ctx)
		running := &relay{Relay: r, url: url, cancel: cancel, ended: make(chan struct{})}
		o.running[name] = running
		go func() { // ended by configure or close
			defer close(running.ended)
			_ = r.Run(ctx) // it returns only when ctx ends
		}()
	}
	return nil
}

// url is the address of a service's database. The relay is in PostgreSQL the role
// of the service: the tables are its own.
func (o *outboxes) url(app *model.App, s *model.Service) (string, error) {
	if hasPostgres(s) {
		address, err := o.database(app, s.Name)
		return address.URL, err
	}
	return "sqlite://" + databasePath(filepath.Join(o.data, s.Name), s.Name), nil
}

// stats returns how the relays are, by service.
func (o *outboxes) stats() []outbox.Stat {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []outbox.Stat
	for _, r := range o.running {
		all = append(all, r.Stat())
	}
	slices.SortFunc(all, func(a, b outbox.Stat) int { return strings.Compare(a.Service, b.Service) })
	return all
}

// close ends the relays and waits for them.
func (o *outboxes) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.running {
		r.cancel()
	}
	for _, r := range o.running {
		<-r.ended
	}
	clear(o.running)
}

// relayed is the bus as relays see it.
type relayed struct{ bus *bus.Bus }

// Publish implements outbox.Publisher. An event that the bus will never take is left out, and the
// others are published.
func (r relayed) Publish(ctx context.Context, service, topic string, events []cloudevent.Event) ([]error, error) {
	var never []error
	left := make([]int, len(events)) // indexes of those that are still to be published
	for i := range left {
		left[i] = i
	}
	for len(left) > 0 {
		batch := make([]cloudevent.Event, len(left))
		for i, at := range left {
			batch[i] = events[at]
		}
		_, err := r.bus.Publish(ctx, service, topic, batch)
		if err == nil {
			return never, nil
		}
		e, ok := errors.AsType[*bus.Error](err)
		if !ok {
			return nil, err
		}
		if never == nil {
			never = make([]error, len(events))
		}
		switch {
		case e.Index >= 0 && e.Index < len(left):
			never[left[e.Index]] = e
			left = slices.Delete(left, e.Index, e.Index+1)
		case e.Reason == bus.NoTopic || e.Reason == bus.PublishRefused:
			for _, at := range left {
				never[at] = e
			}
			return never, nil
		case e.RetryAfter > 0:
			return nil, &outbox.Later{Until: time.Now().Add(e.RetryAfter), Err: e}
		default:
			return nil, e
		}
	}
	return never, nil
}
