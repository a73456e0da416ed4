package dash

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/dash/access"
	"github.com/banyanrun/banyan/internal/dash/audit"
	"github.com/banyanrun/banyan/internal/dash/stream"
)

// Options are what a dashboard is made of.
type Options struct {
	// App is the app's name now.
	App     func() string
	Version string
	// Boot is another one for each daemon.
	Boot string
	// RPCs are handlers of services, by path.
	RPCs map[string]http.Handler
	// Prometheus answers below /prometheus/. Nil: there are no metrics.
	Prometheus http.Handler
	// Jaeger answers below /jaeger/. Nil: there are no traces.
	Jaeger http.Handler
	// Bundles answers a bundle of telemetry to GET, and imports one by POST. Nil:
	// there is no telemetry.
	Bundles  http.Handler
	Tokens   *access.Tokens
	Sessions *access.Sessions
	Stream   *stream.Hub
	Audit    *audit.Log
	Log      *slog.Logger
}

// Dash is an app's dashboard, whether it is open or not. It is safe for
// concurrent use.
type Dash struct {
	Options

	mux *http.ServeMux // of RPCs

	mu   sync.Mutex
	site *Site // nil: closed
	why  error // why it is closed

	quota *quota
}

// New returns a dashboard that is closed.
func New(o Options) *Dash {
	d := &Dash{Options: o, mux: http.NewServeMux(), why: errClosed, quota: newQuota()}
	for path, h := range o.RPCs {
		d.mux.Handle(path, h)
	}
	return d
}

// Home is where the dashboard is, without a token. Empty: it is closed.
func (d *Dash) Home() string {
	site, _ := d.now()
	if site == nil {
		return ""
	}
	return site.URL + "/"
}

// Invite makes an address that lets one browser in, once.
func (d *Dash) Invite(role access.Role) (url string, until time.Time, err error) {
	site, err := d.now()
	if err != nil {
		return "", time.Time{}, err
	}
	token, until := d.Tokens.Issue(access.Grant{Who: "dashboard link", Role: role})
	return site.URL + "/?" + tokenKey + "=" + token, until, nil
}

// Closed says why the dashboard is closed from now on.
func (d *Dash) Closed(why error) { d.set(nil, why) }

func (d *Dash) set(site *Site, why error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.site, d.why = site, why
}

func (d *Dash) now() (*Site, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.site == nil {
		return nil, d.why
	}
	return d.site, nil
}

// recordRefusal records what somebody was refused, unless it was often in a short time.
func (d *Dash) recordRefusal(ctx context.Context, who string, most int, a audit.Action) {
	yes, skipped := d.quota.record(who, most, time.Now())
	if !yes {
		return
	}
	if skipped > 0 {
		a.Result += fmt.Sprintf(" (and %d refusals before it, too many to record each)", skipped)
	}
	d.record(ctx, a)
}

// record adds what was refused, or a sign-in, to the log of actions.
func (d *Dash) record(ctx context.Context, a audit.Action) {
	if err := d.Audit.Add(a); err != nil {
		d.Log.ErrorContext(ctx, "an action is not recorded", "procedure", a.Procedure, "who", a.Who, "error", err)
	}
}
