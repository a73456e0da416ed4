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
)

// outboxes are the relays of the services whose database has an outbox.
type outboxes struct {
	ctx  context.Context // ends all
	bus  outbox.Publisher
	data string // where services' directories are
	log  *slog.Logger

	mu      sync.Mutex
	running map[string]*relay // by service
}

type relay struct {
	*outbox.Relay
	cancel context.CancelFunc
	ended  chan struct{}
}

func newOutboxes(ctx context.Context, b *bus.Bus, data string, log *slog.Logger) *outboxes {
	return &outboxes{ctx: ctx, bus: relayed{b}, data: data, log: log, running: map[string]*relay{}}
}

// configure starts and ends relays as an app wants them.
func (o *outboxes) configure(app *model.App) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	wanted := map[string]bool{}
	for name, s := range app.Services {
		wanted[name] = s.LeftOut == "" && s.Spec.Database != nil && s.Spec.Database.Outbox
	}
	for name, r := range o.running {
		if !wanted[name] {
			r.cancel()
			delete(o.running, name)
		}
	}
	for name := range wanted {
		if !wanted[name] || o.running[name] != nil {
			continue
		}
		r, err := outbox.New(outbox.Options{
			Service: name, URL: "sqlite://" + databasePath(filepath.Join(o.data, name), name), Bus: o.bus, Log: o.log,
		})
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(o.ctx)
		running := &relay{Relay: r, cancel: cancel, ended: make(chan struct{})}
		o.running[name] = running
		go func() { // ended by configure or close
			defer close(running.ended)
			_ = r.Run(ctx) // it returns only when ctx ends
		}()
	}
	return nil
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
