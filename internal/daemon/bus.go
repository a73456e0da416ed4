package daemon

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/bus"
	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/journal"
	"github.com/banyanrun/banyan/internal/bus/kafka"
	"github.com/banyanrun/banyan/internal/bus/nats"
	"github.com/banyanrun/banyan/internal/bus/progress"
	"github.com/banyanrun/banyan/internal/bus/rabbitmq"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/route"
)

// broker is the app's bus with what it stands on. It is opened for the first app
// that has topics.
type broker struct {
	choice   choice
	engine   engine.Engine
	progress *progress.Store
	bus      *bus.Bus
	outboxes *outboxes
	since    time.Time
}

// choice is what cannot change while a broker is open: another engine keeps other events.
type choice struct {
	engine, url string
	oneCopy     bool          // is accepted
	dedup       time.Duration // the longest window of the app's topics; engines of others are told when they are opened
}

func (d *daemon) choose(app *model.App) (choice, error) {
	c := choice{engine: app.Bus.Engine}
	if c.engine == appfile.EngineEmbedded {
		return c, nil
	}
	c.oneCopy = slices.Contains(app.Bus.Accept, appfile.AcceptOneCopy)
	for _, t := range app.Topics {
		if t.DedupWindow != nil {
			c.dedup = max(c.dedup, time.Duration(*t.DedupWindow))
		}
	}
	var err error
	c.url, err = appfile.Expand(app.Bus.URL, func(ref appfile.Ref) (string, error) {
		value, err := d.secrets.get(ref.Name)
		return string(value), err
	})
	return c, err
}

// open returns the engine that was chosen, and the file of what was delivered from it.
func (c choice) open(dir string, app *model.App, log *slog.Logger) (e engine.Engine, file string, err error) {
	switch c.engine {
	case appfile.EngineNATS:
		e, err = nats.Open(nats.Config{URL: c.url, App: app.Name, Dedup: c.dedup, Logger: log})
		return e, filepath.Join(dir, "bus-nats.db"), err
	case appfile.EngineKafka:
		e, err = kafka.Open(kafka.Config{URL: c.url, App: app.Name, OneCopy: c.oneCopy, Logger: log})
		return e, filepath.Join(dir, "bus-kafka.db"), err
	case appfile.EngineRabbitMQ:
		e, err = rabbitmq.Open(rabbitmq.Config{URL: c.url, App: app.Name, Logger: log})
		return e, filepath.Join(dir, "bus-rabbitmq.db"), err
	default:
		return journal.New(journal.Config{Dir: dir}), filepath.Join(dir, "bus.db"), nil
	}
}

func (d *daemon) openBroker(ctx context.Context, app *model.App) (*broker, error) {
	c, err := d.choose(app)
	if err != nil {
		return nil, err
	}
	keeper, file, err := c.open(d.layout.Bus, app, d.log)
	if err != nil {
		return nil, err
	}
	store, err := progress.Open(ctx, file)
	if err != nil {
		return nil, errors.Join(err, keeper.Close())
	}
	b := &broker{choice: c, engine: keeper, progress: store, since: time.Now()}
	b.bus = bus.New(bus.Options{Engine: keeper, Progress: store, Address: d.deliveryAddress, Around: d.telemetry.aroundDeliveries, Logger: d.log, Sole: true})
	b.outboxes = newOutboxes(d.background, tracedRelay{relayed{b.bus}, d.telemetry}, d.layout.Data, d.log)
	b.outboxes.database = d.databases.address
	return b, nil
}

// close is for when the bus does not run any more.
func (b *broker) close() error {
	b.outboxes.close()
	return errors.Join(b.engine.Close(), b.progress.Close())
}

// deliveryAddress is where the data plane takes deliveries for a service.
func (d *daemon) deliveryAddress(service string) (string, bool) {
	addr, ok := d.current().addrs[route.EdgeID(route.Platform, service)]
	return addr, ok
}

// configureBus makes the bus what an app that is applied says of it, or leaves it as it is.
func (d *daemon) configureBus(ctx context.Context, app *model.App) error {
	b, err := d.brokerFor(ctx, app)
	if b == nil || err != nil {
		return err
	}
	schemas, err := bus.ReadSchemas(app)
	if err == nil {
		err = b.configure(ctx, app, schemas)
	}
	if err != nil && d.broker.Load() != b {
		return errors.Join(err, b.close()) // the next file may choose another
	}
	if err == nil {
		d.keepBroker(b)
	}
	return err
}

// resumeBus is configureBus for the app that was in force: its schemas are those
// that were applied, whatever became of their files. A broker that cannot do it now
// is tried again by runBus.
func (d *daemon) resumeBus(ctx context.Context, app *model.App) error {
	b, err := d.brokerFor(ctx, app)
	if b == nil || err != nil {
		d.brokerErr = err
		return err
	}
	schemas, err := b.bus.Schemas(ctx)
	if err == nil {
		err = b.configure(ctx, app, schemas)
	}
	d.late = err != nil
	d.keepBroker(b)
	return err
}

// brokerFor returns the broker that is open, or opens one that is not kept yet;
// nil: the app needs none.
func (d *daemon) brokerFor(ctx context.Context, app *model.App) (*broker, error) {
	b := d.broker.Load()
	switch {
	case b == nil && app.Bus == nil:
		return nil, nil
	case b == nil:
		return d.openBroker(ctx, app)
	case app.Bus == nil:
		return b, nil
	}
	c, err := d.choose(app)
	if err != nil {
		return nil, err
	}
	if c != b.choice {
		return nil, fault.New(fault.Conflict, "the engine of the bus, its url, one-copy or the longest dedup_window on it cannot change while the app is up").
			Fix("run `banyan down`, then `banyan up`; events that the engine before keeps stay there")
	}
	return b, nil
}

// keepBroker makes b the daemon's.
func (d *daemon) keepBroker(b *broker) {
	if d.broker.CompareAndSwap(nil, b) {
		close(d.brokerKept)
	}
}

func (b *broker) configure(ctx context.Context, app *model.App, schemas map[string][]byte) error {
	if err := b.bus.Configure(ctx, bus.SpecOf(app, schemas)); err != nil {
		return err
	}
	return b.outboxes.configure(app)
}

// lateEach is how long to wait before an engine that could not be reached is tried again.
const lateEach = time.Second

// runBus delivers events, from when there is a broker. That it ends is no reason for the daemon to.
func (d *daemon) runBus(ctx context.Context) error {
	select {
	case <-d.brokerKept:
	case <-ctx.Done():
		return ctx.Err()
	}
	b := d.broker.Load()
	for d.isLate(ctx) {
		select {
		case <-time.After(lateEach):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := b.bus.Run(ctx); err != nil && ctx.Err() == nil {
		d.log.Error("the bus ended", "error", err)
	}
	<-ctx.Done()
	return ctx.Err()
}

// isLate reports whether the bus is not what the app in force says, and tries to make it so.
func (d *daemon) isLate(ctx context.Context) bool {
	d.applying.Lock()
	defer d.applying.Unlock()
	if d.late && d.resumeBus(ctx, d.current().app) == nil {
		d.log.Info("topics are as the app says")
	}
	return d.late
}
