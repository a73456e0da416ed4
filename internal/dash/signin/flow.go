package signin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/banyanrun/banyan/internal/dash/access"
	"github.com/banyanrun/banyan/internal/fault"
)

// Person is who signed in.
type Person struct {
	access.Grant
	// To is the address within the dashboard that the sign-in began for.
	To string
}

// Begin returns where a browser goes to sign in, and the ticket that it must bring
// along when it comes back. To is where it wants to be then.
func (p *Provider) Begin(ctx context.Context, to string) (address, sealed string, err error) {
	k, err := p.discover(ctx)
	if err != nil {
		return "", "", p.notThere(ctx, err)
	}
	t := &ticket{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), To: to, Until: p.options.Now().Add(TicketLife)}
	address = p.oauth(k, "").AuthCodeURL(t.State, oidc.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier))
	return address, p.tickets.write(t), nil
}

// notThere says that the provider cannot be asked. How this machine fails to reach it
// is not for strangers.
func (p *Provider) notThere(ctx context.Context, err error) error {
	p.tell(ctx, "nobody can sign in to the dashboard", err)
	return fault.New(fault.Unavailable, "%s cannot be asked about you now", p.options.host()).
		Fix("try again; if that stays so, have the app's owner look at `banyan logs daemon` and dashboard.oidc.issuer")
}

func (p *Provider) oauth(k *known, secret string) *oauth2.Config {
	at := k.provider.Endpoint()
	at.AuthStyle = k.style
	if secret == "" {
		at.AuthStyle = oauth2.AuthStyleInParams
	}
	scopes := slices.Concat([]string{oidc.ScopeOpenID}, p.options.Scopes)
	return &oauth2.Config{ClientID: p.options.ClientID, ClientSecret: secret, Endpoint: at, RedirectURL: p.options.Redirect, Scopes: scopes}
}

// errNotBegun is said of answers to no question: of somebody who led a browser here to
// have it sign in as him, too.
func errNotBegun() error {
	return fault.New(fault.Invalid, "this sign-in was not begun in this browser, or more than %d minutes ago, or it is over", int(TicketLife.Minutes())).
		Fix("sign in again")
}

// Finish turns what the provider sent a browser back with into a person. The error is
// for people, and says nothing but what they may know.
func (p *Provider) Finish(ctx context.Context, query url.Values, sealed string) (Person, error) {
	t, ok := p.tickets.read(sealed)
	if !ok || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(t.State)) != 1 || !p.tickets.use(t) {
		return Person{}, errNotBegun()
	}
	if iss := query.Get("iss"); iss != "" && iss != p.options.Issuer { // RFC 9207
		return Person{}, fault.New(fault.Denied, "the answer comes from another identity provider than %s", p.options.Issuer).Fix("sign in again")
	}
	if code := query.Get("error"); code != "" {
		return Person{}, p.refused(ctx, code, query.Get("error_description"))
	}
	select {
	case p.finishing <- struct{}{}:
		defer func() { <-p.finishing }()
	case <-ctx.Done():
		return Person{}, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), patience)
	defer cancel()
	said, err := p.redeem(ctx, query.Get("code"), t)
	if err != nil {
		return Person{}, err
	}
	role, err := p.options.roleOf(said)
	if err != nil {
		return Person{}, err
	}
	return Person{Grant: access.Grant{
		Who: p.options.whoIs(said), Role: role, Subject: p.options.Issuer + " " + said.text("sub"), Rules: p.Rules(),
	}, To: t.To}, nil
}

// redeem turns a code into what the provider says of the person.
func (p *Provider) redeem(ctx context.Context, code string, t *ticket) (claims, error) {
	k, err := p.discover(ctx)
	if err != nil {
		return nil, p.notThere(ctx, err)
	}
	secret := ""
	if p.options.Secret != nil {
		if secret, err = p.options.Secret(); err != nil {
			p.tell(ctx, "nobody can sign in", err)
			return nil, fault.New(fault.Unavailable, "the client secret cannot be had").Fix("see `banyan logs daemon` beside the app")
		}
	}
	token, err := p.oauth(k, secret).Exchange(ctx, code, oauth2.VerifierOption(t.Verifier))
	if err != nil {
		return nil, p.notRedeemed(ctx, err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := k.verifier.Verify(ctx, raw)
	if err == nil {
		err = p.meant(id, token, t)
	}
	if err != nil {
		p.tell(ctx, "an identity token was refused", err)
		return nil, fault.New(fault.Denied, "what %s says of you does not hold: %s", p.options.host(), reason(err)).Fix("sign in again")
	}
	said := claims{}
	if err := id.Claims(&said); err != nil {
		return nil, fault.New(fault.Denied, "what %s says of you cannot be read", p.options.host())
	}
	return p.more(ctx, k, token, said), nil
}

// reason is why a token was refused, without what is in it.
func reason(err error) string {
	if _, ok := errors.AsType[*oidc.TokenExpiredError](err); ok {
		return "it is too old; the clocks of the two machines may differ"
	}
	return "it is signed, issued or meant otherwise than it must be"
}

// meant checks that a token answers this sign-in.
func (p *Provider) meant(id *oidc.IDToken, token *oauth2.Token, t *ticket) error {
	var c struct {
		Party string `json:"azp"`
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(t.Nonce)) != 1:
		return errors.New("its nonce is another")
	case id.Subject == "":
		return errors.New("it has no subject")
	case id.Claims(&c) != nil:
		return errors.New("its azp is no text")
	case c.Party != "" && c.Party != p.options.ClientID, c.Party == "" && len(id.Audience) > 1:
		return errors.New("it was made for another client (azp)")
	case id.AccessTokenHash != "":
		return id.VerifyAccessToken(token.AccessToken)
	}
	return nil
}

// more asks for what decides about roles and is not in the identity token.
func (p *Provider) more(ctx context.Context, k *known, token *oauth2.Token, said claims) claims {
	_, groups := said.groups(p.options.GroupsClaim)
	_, email := said["email"]
	if k.provider.UserInfoEndpoint() == "" || (groups || !p.options.wantsGroups()) && (email || !p.options.wantsEmail()) {
		return said
	}
	info, err := k.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	also := claims{}
	if err == nil {
		err = info.Claims(&also)
	}
	if err == nil && also.text("sub") != said.text("sub") {
		err = errors.New("it tells of somebody else")
	}
	if err != nil {
		p.tell(ctx, "the identity provider does not tell more of a person", err)
		return said
	}
	if email { // an address and whether it is verified are told by one of the two
		delete(also, "email_verified")
	} else {
		delete(said, "email_verified")
	}
	for name, value := range also {
		if _, ok := said[name]; !ok {
			said[name] = value
		}
	}
	return said
}

// refused says why the provider let nobody in.
func (p *Provider) refused(ctx context.Context, code, description string) error {
	text := strings.TrimSuffix(clean(code)+": "+clean(description), ": ")
	p.tell(ctx, "the identity provider refused a sign-in", errors.New(text))
	f := fault.New(fault.Denied, "%s did not let you in (%s)", p.options.host(), text)
	switch code {
	case "invalid_scope":
		return f.Fix("have the app's owner set dashboard.oidc.scopes to what the provider knows")
	case "unauthorized_client", "unsupported_response_type", "invalid_request":
		return f.Fix("have the client %s allowed the authorization code flow with PKCE there, with the redirect URL %s", p.options.ClientID, p.options.Redirect)
	}
	return f.Fix("sign in again")
}

// notRedeemed says why the provider gave nothing for a code.
func (p *Provider) notRedeemed(ctx context.Context, err error) error {
	failed, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		p.tell(ctx, "the identity provider cannot be asked", err)
		return fault.New(fault.Unavailable, "%s cannot be reached from the app's machine, or does not answer as it must", p.options.host()).Fix("try again")
	}
	text := strings.TrimSuffix(clean(failed.ErrorCode)+": "+clean(failed.ErrorDescription), ": ")
	p.tell(ctx, "the identity provider gave nothing for a sign-in", errors.New(text))
	switch failed.ErrorCode {
	case "invalid_client", "unauthorized_client":
		return fault.New(fault.Denied, "%s does not take the app's client_id and client_secret (%s)", p.options.host(), text).
			Fix("have the app's owner correct dashboard.oidc")
	case "invalid_grant", "redirect_uri_mismatch", "invalid_request":
		return fault.New(fault.Denied, "%s does not take this sign-in (%s)", p.options.host(), text).
			Fix("sign in again; if that stays so, have the redirect URL %s registered there", p.options.Redirect)
	}
	return fault.New(fault.Unavailable, "%s did not answer as it must (%s)", p.options.host(), text).Fix("try again")
}
