package daemon

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/banyanrun/banyan/internal/bus"
	"github.com/banyanrun/banyan/internal/bus/journal"
	"github.com/banyanrun/banyan/internal/bus/progress"
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

// configureBus makes the bus what an app that is applied says of it, or leaves it as it is.
func (d *daemon) configureBus(ctx context.Context, app *model.App) error {
	schemas, err := bus.ReadSchemas(app)
	if err != nil {
		return err
	}
	return d.putBus(ctx, app, schemas)
}

// resumeBus is configureBus for the app that was in force: its schemas are those
// that were applied, whatever became of their files.
func (d *daemon) resumeBus(ctx context.Context, app *model.App) error {
	if d.broker == nil {
		return d.putBus(ctx, app, nil)
	}
	schemas, err := d.broker.bus.Schemas(ctx)
	if err != nil {
		return err
	}
	return d.putBus(ctx, app, schemas)
}

func (d *daemon) putBus(ctx context.Context, app *model.App, schemas map[string][]byte) error {
	if d.broker == nil {
		if len(app.Topics) == 0 {
			return nil
		}
		return d.brokerErr
	}
	if err := d.broker.bus.Configure(ctx, bus.SpecOf(app, schemas)); err != nil {
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
