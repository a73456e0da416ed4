package appfile

// Dashboard is where people see the app in a browser.
type Dashboard struct {
	// Off: there is none. Written as dashboard: off. Default: false.
	Off bool `yaml:"off,omitempty" json:"off,omitempty"`
	// Listen is the address: ":8800" means loopback, IPv4 and IPv6;
	// "0.0.0.0:8800" opens it to the network, which needs url. Default: a port on
	// loopback that stays the app's, 8800 if that is free at first.
	Listen string `yaml:"listen,omitempty" json:"listen,omitempty"`
	// URL is how browsers reach it, where that is not loopback: HTTPS, by a proxy
	// that is in front of it. Requests by any other host name are refused. Default:
	// a host name below banyan.localhost that is the app's own.
	URL string `yaml:"url,omitempty" json:"url,omitempty"`
	// OIDC lets people sign in by an identity provider. It needs url. Default: only a
	// link that the CLI prints lets somebody in.
	OIDC *OIDC `yaml:"oidc,omitempty" json:"oidc,omitempty"`
}

// OIDC is an identity provider that speaks OpenID Connect, and who of those that it
// knows may do what. Nobody else gets in. The provider must know the redirect URL
// that is dashboard.url with /auth/callback behind it.
type OIDC struct {
	// Issuer is the provider's URL, as it calls itself: https://id.example.com. It must
	// serve /.well-known/openid-configuration below it.
	Issuer string `yaml:"issuer" json:"issuer"`
	// ClientID is how the provider calls this app.
	ClientID string `yaml:"client_id" json:"client_id"`
	// ClientSecret is the client's: write ${secret.NAME}. Default: none, for a public
	// client.
	ClientSecret string `yaml:"client_secret,omitempty" json:"client_secret,omitempty"`
	// Scopes are asked for beside openid; in the file one, or a list. Default: email
	// and profile.
	Scopes StringList `yaml:"scopes,omitempty" json:"scopes,omitempty"`
	// GroupsClaim is the claim that names a person's groups or roles. Dots lead into
	// objects, as in realm_access.roles. Default: groups.
	GroupsClaim string `yaml:"groups_claim,omitempty" json:"groups_claim,omitempty"`
	// SessionTime is how long somebody stays signed in at most. Range 1m to 30d.
	// Default: 12h.
	SessionTime Duration `yaml:"session_time,omitempty" json:"session_time,omitempty"`
	// Operators may look and act.
	Operators *People `yaml:"operators,omitempty" json:"operators,omitempty"`
	// Viewers may look.
	Viewers *People `yaml:"viewers,omitempty" json:"viewers,omitempty"`
}

// People are those of whom any of these holds.
type People struct {
	// Emails are addresses that the provider has verified; "*@example.com" is all of a
	// domain. In the file one, or a list.
	Emails StringList `yaml:"emails,omitempty" json:"emails,omitempty"`
	// Groups are those that groups_claim names; in the file one, or a list.
	Groups StringList `yaml:"groups,omitempty" json:"groups,omitempty"`
	// Subjects are the provider's own names of people, the claim sub; in the file one,
	// or a list.
	Subjects StringList `yaml:"subjects,omitempty" json:"subjects,omitempty"`
}
