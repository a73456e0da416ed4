package daemon

import (
	"context"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/dash"
	"github.com/banyanrun/banyan/internal/dash/signin"
)

// signIn is how people sign in to the dashboard at url; nil: they do not.
func (d *daemon) signIn(o *appfile.OIDC, url string) *signin.Provider {
	if o == nil {
		return nil
	}
	to := signin.Options{
		Issuer: o.Issuer, ClientID: o.ClientID, Scopes: o.Scopes, GroupsClaim: o.GroupsClaim,
		Operators: peopleOf(o.Operators), Viewers: peopleOf(o.Viewers), Life: time.Duration(o.SessionTime),
		Redirect: url + dash.CallbackPath, Log: d.log,
	}
	if o.ClientSecret != "" {
		to.Secret = func() (string, error) { return d.expandSecrets(o.ClientSecret) }
	}
	return signin.New(to)
}

func peopleOf(p *appfile.People) signin.People {
	if p == nil {
		return signin.People{}
	}
	return signin.People{Emails: p.Emails, Groups: p.Groups, Subjects: p.Subjects}
}

// checkSignIn tells whether people can sign in. That they cannot keeps nothing else from
// working: it is tried again when somebody does.
func (d *daemon) checkSignIn(ctx context.Context, site dash.Site) {
	if err := site.SignIn.Check(ctx); err != nil {
		if ctx.Err() == nil {
			d.log.Warn("nobody can sign in to the dashboard now; `banyan dashboard` lets in all the same", "error", err)
		}
		return
	}
	d.log.Info("people sign in to the dashboard by an identity provider, which must know the redirect URL",
		"dashboard", site.URL, "redirect_url", site.URL+dash.CallbackPath)
}
