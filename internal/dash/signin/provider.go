package signin

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// mostFinishing sign-ins are asked the provider about at once.
const mostFinishing = 4

// Provider is an identity provider, as an app file names it. It is safe for
// concurrent use.
type Provider struct {
	options Options
	client  *http.Client
	tickets *tickets
	local   bool // the issuer is on this machine, without HTTPS

	asking  chan struct{} // its place guards what follows
	known   *known
	failed  error
	askNext time.Time

	finishing chan struct{} // a place for each that is under way

	mu   sync.Mutex
	told time.Time
}

// New returns a provider, which is not asked anything yet.
func New(o Options) *Provider {
	if o.Transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // the standard library's own
		transport.MaxResponseHeaderBytes = 64 << 10
		o.Transport = transport
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	u, err := url.Parse(o.Issuer)
	return &Provider{
		options: o, tickets: newTickets(o.Now), local: err == nil && u.Scheme == "http" && OnLoopback(u),
		client: &http.Client{Transport: bounded{o.Transport}, Timeout: patience, CheckRedirect: direct},
		asking: make(chan struct{}, 1), finishing: make(chan struct{}, mostFinishing),
	}
}

// Close lets go of idle connections.
func (p *Provider) Close() {
	if t, ok := p.options.Transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Check asks the provider for its configuration, and says what is wrong.
func (p *Provider) Check(ctx context.Context) error {
	_, err := p.discover(ctx)
	return err
}

// Life is how long what the provider said is believed.
func (p *Provider) Life() time.Duration { return p.options.Life }

// Rules stand for what decides about roles.
func (p *Provider) Rules() string { return p.options.rules() }

// tellEvery is how often what strangers can cause is told to the log at most.
const tellEvery = time.Minute

func (p *Provider) tell(ctx context.Context, what string, err error) {
	p.mu.Lock()
	now := p.options.Now()
	often := now.Sub(p.told) < tellEvery
	if !often {
		p.told = now
	}
	p.mu.Unlock()
	level := slog.LevelWarn
	if often {
		level = slog.LevelDebug
	}
	p.options.Log.Log(ctx, level, what, "issuer", p.options.Issuer, "error", clean(err.Error()))
}
