package signin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/banyanrun/banyan/internal/fault"
)

const (
	// fresh is how long what a provider says of itself is believed.
	fresh = time.Hour
	// retry is how soon a provider that failed is asked again.
	retry = 5 * time.Second
	// patience bounds one request to the provider, and the wait for others.
	patience = 10 * time.Second
	// mostAnswer bounds what a provider answers, in bytes.
	mostAnswer = 1 << 20
	// skew is how far the provider's clock may be behind.
	skew = time.Minute
)

// known is what a provider said of itself.
type known struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	style    oauth2.AuthStyle
}

// discover returns what is known of the provider, and asks it where that is old. Where
// it does not answer, what it said before goes on to count.
func (p *Provider) discover(ctx context.Context) (*known, error) {
	select {
	case p.asking <- struct{}{}:
		defer func() { <-p.asking }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	now := p.options.Now()
	if now.Before(p.askNext) {
		return p.known, p.failed
	}
	// Who asks may go away; others wait for the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	k, err := p.ask(ctx)
	p.askNext = now.Add(fresh)
	switch {
	case err == nil:
		p.known, p.failed = k, nil
		return k, nil
	case p.known != nil:
		p.askNext = now.Add(retry)
		p.tell(ctx, "the identity provider does not answer as before", err)
		return p.known, nil
	}
	p.askNext, p.failed = now.Add(retry), err
	return nil, err
}

func (p *Provider) ask(ctx context.Context) (*known, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.options.Issuer)
	if err != nil {
		if other, ok := errors.AsType[*oidc.IssuerMismatchError](err); ok {
			return nil, fault.New(fault.Invalid, "the identity provider at %s calls itself %s", p.options.Issuer, clean(other.Discovered)).
				Fix("write that in dashboard.oidc.issuer, if you trust it")
		}
		return nil, fault.New(fault.Unavailable, "the identity provider at %s cannot be asked for its configuration: %s", p.options.Issuer, clean(err.Error())).
			Fix("see that dashboard.oidc.issuer is right, and that this machine reaches it")
	}
	var said struct {
		JWKS    string   `json:"jwks_uri"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := provider.Claims(&said); err != nil {
		return nil, fault.New(fault.Invalid, "the configuration of the identity provider at %s cannot be read: %w", p.options.Issuer, err)
	}
	at := provider.Endpoint()
	for what, address := range map[string]string{
		"authorization_endpoint": at.AuthURL, "token_endpoint": at.TokenURL, "jwks_uri": said.JWKS, "userinfo_endpoint": provider.UserInfoEndpoint(),
	} {
		if address == "" && what == "userinfo_endpoint" {
			continue
		}
		if !p.safe(address) {
			return nil, fault.New(fault.Invalid, "the identity provider at %s names %q as its %s, where others could read along", p.options.Issuer, clean(address), what).
				Fix("have it use HTTPS")
		}
	}
	style := oauth2.AuthStyleInHeader // what holds where it names none
	if len(said.Methods) > 0 && !slices.Contains(said.Methods, "client_secret_basic") {
		style = oauth2.AuthStyleInParams
	}
	now := p.options.Now
	return &known{provider: provider, style: style, verifier: provider.VerifierContext(oidc.ClientContext(context.WithoutCancel(ctx), p.client), &oidc.Config{
		ClientID: p.options.ClientID, Now: func() time.Time { return now().Add(-skew) },
	})}, nil
}

// safe reports whether nobody reads along on the way to an address: by HTTPS, or on
// this machine where the issuer is, too.
func (p *Provider) safe(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && OnLoopback(u) && p.local
}

// OnLoopback reports whether a URL's host is this machine.
func OnLoopback(u *url.URL) bool {
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
}

// bounded cuts answers off that are too long.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, mostAnswer), res.Body}
	}
	return res, err
}

// direct refuses to follow a provider elsewhere: what is sent is for it alone.
func direct(r *http.Request, _ []*http.Request) error {
	return fmt.Errorf("it leads on to %s, which is not followed", r.URL.Redacted())
}
