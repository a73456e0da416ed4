package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/bus"
	"github.com/banyanrun/banyan/internal/bus/journal"
	"github.com/banyanrun/banyan/internal/bus/progress"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/route"
)

// broker is the app's bus with what it stands on.
type broker struct {
	engine   *journal.Journal
	progress *progress.Store
	bus      *bus.Bus
	outboxes *outboxes // nil until the daemon's engines are wired
	since    time.Time
}

// openBroker opens the bus in a directory. address is where the data plane takes
// deliveries for a service.
func openBroker(ctx context.Context, dir string, address func(service string) (string, bool), log *slog.Logger) (*broker, error) {
	store, err := progress.Open(ctx, filepath.Join(dir, "bus.db"))
	if err != nil {
		return nil, err
	}
	b := &broker{engine: journal.New(journal.Config{Dir: dir}), progress: store, since: time.Now()}
	b.bus = bus.New(bus.Options{Engine: b.engine, Progress: store, Address: address, Logger: log, Sole: true})
	return b, nil
}

// close is for when the bus does not run any more.
func (b *broker) close() error {
	if b.outboxes != nil {
		b.outboxes.close()
	}
	return errors.Join(b.engine.Close(), b.progress.Close())
}

// openBus opens the app's bus. What is wrong with it is no reason for services
// that need no events not to be looked after.
func (d *daemon) openBus(ctx context.Context) {
	if d.broker, d.brokerErr = openBroker(ctx, d.layout.Bus, d.deliveryAddress, d.log); d.brokerErr != nil {
		d.log.Error("there are no events", "error", d.brokerErr)
		return
	}
	d.publisher = publisher{d.broker.bus}
}

func (d *daemon) deliveryAddress(service string) (string, bool) {
	addr, ok := d.current().addrs[route.EdgeID(route.Platform, service)]
	return addr, ok
}

// configureBus makes the bus what an app says of it, or leaves it as it is.
func (d *daemon) configureBus(ctx context.Context, app *model.App) error {
	if d.broker == nil {
		if len(app.Topics) == 0 {
			return nil
		}
		return d.brokerErr
	}
	if err := d.broker.bus.Configure(ctx, busSpec(app)); err != nil {
		return err
	}
	return d.broker.outboxes.configure(app)
}

// runBus delivers events. That it ends is no reason for the daemon to.
func (d *daemon) runBus(ctx context.Context) error {
	if d.broker != nil {
		if err := d.broker.bus.Run(ctx); err != nil && ctx.Err() == nil {
			d.log.Error("the bus ended", "error", err)
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

// busSpec is what an app says of its topics. Services that are left out neither
// publish nor subscribe.
func busSpec(app *model.App) bus.Spec {
	spec := bus.Spec{Topics: map[string]bus.Topic{}, Publishes: map[string][]string{}}
	if app.Bus != nil {
		spec.MaxBytes = int64(app.Bus.MaxBytes)
	}
	for name, t := range app.Topics {
		to := bus.Topic{
			Key: *t.Key, AnyChange: t.Compatibility == "none", Dedup: time.Duration(*t.DedupWindow), MaxEvent: int(t.MaxEvent),
		}
		if text := app.Schemas[name]; text != "" {
			to.Schema = []byte(text)
		}
		if r := t.Retention; r != nil {
			to.MaxAge, to.MaxBytes, to.DropOldest = time.Duration(r.Time), int64(r.Size), r.Full == "drop_oldest"
		}
		spec.Topics[name] = to
	}
	for name, s := range app.Services {
		if s.LeftOut != "" {
			continue
		}
		spec.Publishes[name] = s.Spec.Publishes
		for topic, sub := range s.Spec.Subscribes {
			spec.Subscriptions = append(spec.Subscriptions, subscriptionSpec(s, topic, sub))
		}
	}
	return spec
}

func subscriptionSpec(s *model.Service, topic string, from *appfile.Subscription) bus.Subscription {
	return bus.Subscription{
		Topic: topic, Service: s.Name, Path: from.Path, From: from.From, Concurrency: from.Concurrency, Timeout: time.Duration(from.Timeout),
		MaxAttempts: *from.MaxAttempts, First: time.Duration(from.Backoff.First), Most: time.Duration(from.Backoff.Most),
		Structured: from.Content == "structured", DeadLetter: from.DeadLetter, Revision: s.ConfigHash + s.BuildKey,
	}
}

// schemas reads the files that topics name, once: what is in force does not change
// with a file.
func schemas(topics map[string]*appfile.Topic) (map[string]string, error) {
	var texts map[string]string
	for name, t := range topics {
		if t.Schema == "" {
			continue
		}
		text, err := os.ReadFile(t.Schema)
		if err != nil {
			return nil, fault.New(fault.Invalid, "the schema of topic %s cannot be read: %w", name, err)
		}
		if texts == nil {
			texts = map[string]string{}
		}
		texts[name] = string(text)
	}
	return texts, nil
}
