package appfile

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// oidc checks who signs in where.
func (v *validator) oidc(at string, d *Dashboard) {
	o := d.OIDC
	if d.URL == "" && !v.isBad(join("dashboard", "url")) {
		v.report(at, "people are sent back from the identity provider to the dashboard's address, and the file does not say it", "write url: https://dashboard.example.com in dashboard")
	}
	v.issuer(join(at, "issuer"), o.Issuer)
	secret := join(at, "client_secret")
	v.secretsOnly(secret, o.ClientSecret)
	if o.ClientSecret != "" && len(Refs(o.ClientSecret)) == 0 && !v.isBad(secret) {
		v.report(secret, "the secret can be read by everybody who reads this file", "write client_secret: ${secret.OIDC_SECRET}, and secrets: {OIDC_SECRET: {}} at the top of the file")
	}
	for i, scope := range o.Scopes {
		if scope == "" || strings.ContainsAny(scope, " \t\"\\") {
			v.report(v.item(join(at, "scopes"), i), fmt.Sprintf("%s is no scope", quote(scope)), "write a list: scopes: [email, groups]")
		}
	}
	given := 0
	for key, p := range map[string]*People{"operators": o.Operators, "viewers": o.Viewers} {
		if p != nil {
			given += len(p.Emails) + len(p.Groups) + len(p.Subjects)
			v.people(join(at, key), p)
		}
	}
	if given == 0 && !v.isBad(join(at, "operators")) && !v.isBad(join(at, "viewers")) {
		v.report(at, "nobody has a role, so nobody could sign in", "write operators: {emails: ann@example.com}, for example, or groups, and viewers the same")
	}
}

// issuer checks the identity provider's address. What it says decides who gets in.
func (v *validator) issuer(at, text string) {
	if text == "" || v.isBad(at) {
		return
	}
	const fix = "write it as the provider calls itself: issuer: https://id.example.com"
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		v.report(at, fmt.Sprintf("%s is no address of an identity provider", quote(text)), fix)
	case u.Scheme == "http" && !onThisMachine(u.Hostname()):
		v.report(at, "without HTTPS others could say who people are", fix)
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		v.report(at, "an issuer has no query, fragment or user", fix)
	case strings.HasSuffix(u.Path, "/.well-known/openid-configuration"):
		v.report(at, "that is the address of its configuration, not the issuer", "write issuer: "+strings.TrimSuffix(text, "/.well-known/openid-configuration"))
	}
}

func onThisMachine(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func (v *validator) people(at string, p *People) {
	for i, address := range p.Emails {
		where := v.item(join(at, "emails"), i)
		if domain, ok := strings.CutPrefix(address, "*@"); ok {
			address = "x@" + domain
		}
		if strings.Contains(address, "*") {
			v.report(where, fmt.Sprintf("%s would let in whoever has an account", quote(p.Emails[i])), `write "*@example.com" for all of a domain, or groups`)
			continue
		}
		v.address(where, address)
	}
	for key, all := range map[string]StringList{"emails": p.Emails, "groups": p.Groups, "subjects": p.Subjects} {
		if i := slices.Index(all, ""); i >= 0 {
			v.report(v.item(join(at, key), i), key+" has an empty name in it", "remove it")
		}
	}
}

// item is where an item of a list stands that may be written as one value.
func (v *validator) item(at string, i int) string {
	if where := join(at, strconv.Itoa(i)); v.has(where) {
		return where
	}
	return at
}

func (v *validator) has(at string) bool {
	_, ok := v.ix.find(at)
	return ok
}
