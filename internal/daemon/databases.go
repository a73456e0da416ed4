package daemon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/postgres"
	"github.com/banyanrun/banyan/internal/secret"
	"github.com/banyanrun/banyan/internal/state"
)

// databases are those of the app on its PostgreSQL server: one for each service
// that wants one, and one for Banyan itself. Each is made before the service is
// started for the first time, and looked after at each apply and each start of
// the daemon; none is ever dropped.
type databases struct {
	ctx     context.Context // ends all
	store   *state.Store
	secrets *secrets
	kept    secret.Store // passwords by service, where `banyan secret` does not see them
	log     *slog.Logger
	// need tells what a service waits for; nil: nothing any more.
	need func(service string, need *model.Need)

	wg     sync.WaitGroup
	mu     sync.Mutex
	cancel context.CancelFunc // of what is being made for the app in force
	made   map[string]string  // digests of what is there, by service; kindDatabase keeps them
	mark   string             // of this state directory
}

// platformDatabase stands for a service where Banyan's own database is meant. No
// service has this name.
const platformDatabase = "banyan"

func openDatabases(ctx context.Context, store *state.Store, s *secrets, log *slog.Logger) (*databases, error) {
	kept := secret.Store{Dir: filepath.Join(s.store.Dir, "databases"), Key: s.store.Key}
	b := &databases{ctx: ctx, store: store, secrets: s, kept: kept, log: log, cancel: func() {}}
	var err error
	if b.made, err = state.All[string](ctx, store, kindDatabase); err != nil {
		return nil, err
	}
	if b.made == nil {
		b.made = map[string]string{}
	}
	if _, err := store.Get(ctx, kindMeta, keyInstallation, &b.mark); err != nil || b.mark != "" {
		return b, err
	}
	b.mark = random(8)
	return b, store.Put(ctx, kindMeta, keyInstallation, b.mark)
}

// random returns n random bytes in hexadecimal.
func random(n int) string {
	data := make([]byte, n)
	rand.Read(data)
	return hex.EncodeToString(data)
}

// hasPostgres reports whether a service has a database on the app's server.
func hasPostgres(s *model.Service) bool {
	return s.Spec.Database != nil && s.Spec.Database.Engine == appfile.EnginePostgres
}

// server is the app's PostgreSQL server.
func (b *databases) server(app *model.App) (*postgres.Server, error) {
	if app.Resources == nil || app.Resources.Postgres == nil {
		return nil, fault.New(fault.Invalid, "the app names no PostgreSQL server").Fix("write resources: {postgres: {url: ${secret.PG_URL}}} in the app file")
	}
	url, err := appfile.Expand(app.Resources.Postgres.URL, func(ref appfile.Ref) (string, error) {
		value, err := b.secrets.get(ref.Name)
		return string(value), err
	})
	if err != nil {
		return nil, err
	}
	return postgres.Parse(url)
}

// address is how a service reaches its database, whether it is there yet or not.
func (b *databases) address(app *model.App, service string) (postgres.Address, error) {
	server, err := b.server(app)
	if err != nil {
		return postgres.Address{}, err
	}
	password, err := b.password(service)
	if err != nil {
		return postgres.Address{}, err
	}
	return server.Address(postgres.Name(app.Name, service), password), nil
}

// password is that of a service's role, made when it is asked for first.
func (b *databases) password(service string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	value, err := b.kept.Get(service)
	if fault.CodeOf(err) == fault.NotFound {
		value = []byte(random(32))
		err = b.kept.Set(service, value)
	}
	if err != nil {
		return "", fmt.Errorf("the password of the database of %s: %w", service, err)
	}
	b.secrets.remember("DATABASE_URL of "+service, value)
	return string(value), nil
}

// wish is a database that is to be made.
type wish struct {
	service string
	server  *postgres.Server
	want    postgres.Want
}

func (b *databases) wish(app *model.App, service string, connections int) (*wish, error) {
	server, err := b.server(app)
	if err != nil {
		return nil, err
	}
	password, err := b.password(service)
	if err != nil {
		return nil, err
	}
	return &wish{service, server, postgres.Want{
		Name: postgres.Name(app.Name, service), Password: password, Connections: connections,
		Mark: fmt.Sprintf("Banyan: service %s of the app %s, installation %s", service, app.Name, b.mark),
	}}, nil
}

// digest stands for all of a wish.
func (w *wish) digest() string { return digest(w.server.Where(), w.want) }

// ofService is the wish of a service.
func (b *databases) ofService(app *model.App, s *model.Service) (*wish, error) {
	connections := s.Spec.Database.Connections
	if connections > 0 && s.Spec.Database.Outbox {
		connections++ // the relay's
	}
	return b.wish(app, s.Name, connections)
}

// wanting are the services that want a database.
func wanting(app *model.App) []*model.Service {
	var list []*model.Service
	for _, s := range app.Services {
		if s.LeftOut == "" && s.Of == "" && hasPostgres(s) {
			list = append(list, s)
		}
	}
	return list
}

// needs are what services have to wait for when an app comes into force. What was
// there before needs no waiting for, even where the server is away now.
func (b *databases) needs(app *model.App) map[string]model.Need {
	needs := map[string]model.Need{}
	for _, s := range wanting(app) {
		switch w, err := b.ofService(app, s); {
		case err != nil:
			needs[s.Name] = model.Need{Reason: "has no database: " + err.Error(), Failed: true}
		case !b.isMade(w):
			needs[s.Name] = model.Need{Reason: "its database is being made"}
		}
	}
	return needs
}

func (b *databases) isMade(w *wish) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.made[w.service] == w.digest()
}

// madeAtOnce bounds how many databases are being made at the same time.
const madeAtOnce = 4

// configure makes the databases of the app in force, in the background.
func (b *databases) configure(app *model.App) {
	b.mu.Lock()
	b.cancel()
	ctx, cancel := context.WithCancel(b.ctx)
	b.cancel = cancel
	b.mu.Unlock()
	room := make(chan struct{}, madeAtOnce)
	for _, s := range wanting(app) {
		w, err := b.ofService(app, s)
		if err != nil {
			continue // needs says so
		}
		b.wg.Go(func() { b.keep(ctx, w, room) })
	}
}

// The wait between two attempts doubles from first to most. A server that cannot
// be reached may be starting: it is a failure from hopelessAfter attempts.
const (
	databaseFirst = 250 * time.Millisecond
	databaseMost  = 30 * time.Second
	hopelessAfter = 4
)

// keep makes a database, however often it takes.
func (b *databases) keep(ctx context.Context, w *wish, room chan struct{}) {
	told := ""
	for attempt := 1; ; attempt++ {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		err := b.make(ctx, w)
		<-room
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			b.need(w.service, nil)
			return
		}
		if err.Error() != told {
			told = err.Error()
			b.log.Warn("a database could not be made; it is tried again", "service", w.service, "error", err)
		}
		if !b.isMade(w) { // what was there before may be there still
			failed := fault.CodeOf(err) != fault.Unavailable || attempt >= hopelessAfter
			b.need(w.service, &model.Need{Reason: "has no database: " + err.Error(), Failed: failed})
		}
		select {
		case <-time.After(min(databaseFirst<<min(attempt-1, 16), databaseMost)):
		case <-ctx.Done():
			return
		}
	}
}

// make makes a database, or sees that it is there.
func (b *databases) make(ctx context.Context, w *wish) error {
	open, err := w.server.Provision(ctx, w.want)
	if err != nil || b.isMade(w) {
		return err
	}
	if err := b.store.Put(ctx, kindDatabase, w.service, w.digest()); err != nil {
		return err
	}
	b.mu.Lock()
	b.made[w.service] = w.digest()
	b.mu.Unlock()
	b.log.Info("a database is there", "service", w.service, "database", w.want.Name, "server", w.server.Where(), "others_open_to_it", open)
	return nil
}

// platform returns the address of Banyan's own database on the app's server, where
// a role of its own owns everything. It makes it if need be, and so takes a
// moment; an error with the code fault.Unavailable is worth another attempt.
func (b *databases) platform(ctx context.Context, app *model.App) (url string, err error) {
	w, err := b.wish(app, platformDatabase, 0)
	if err != nil {
		return "", err
	}
	if err := b.make(ctx, w); err != nil {
		return "", err
	}
	address := w.server.Address(w.want.Name, w.want.Password)
	return address.URL, nil
}

// close ends what is being made.
func (b *databases) close() {
	b.mu.Lock()
	b.cancel()
	b.mu.Unlock()
	b.wg.Wait()
}
