package appfile

import "slices"

var dashboardKeys = map[string]string{ //nolint:gosec // names of keys
	"port": "write listen: \":8800\"", "address": "write listen", "addr": "write listen", "host": "write url: https://… with the address that browsers use",
	"enabled": "write dashboard: off, or leave it out", "disabled": "write dashboard: off", "base_url": "write url", "external_url": "write url", "hostname": "write url",
	"tls":  "let a proxy do TLS in front of it, and write url: https://… with the address that browsers use",
	"auth": "remove it: `banyan dashboard` prints a link that lets a browser in; write oidc to have people sign in", "oauth": "write oidc", "sso": "write oidc", "openid": "write oidc",
	"password":  "remove it: `banyan dashboard` prints a link that lets a browser in",
	"users":     "write oidc, with the people below operators and viewers; or remove it: `banyan dashboard` prints a link that lets a browser in",
	"operators": "it belongs below oidc", "viewers": "it belongs below oidc",
}

var oidcKeys = map[string]string{
	"url": "write issuer", "provider": "write issuer", "issuer_url": "write issuer", "discovery": "write issuer", "discovery_url": "write issuer",
	"client": "write client_id", "id": "write client_id", "secret": "write client_secret", "scope": "write scopes", "groups": "write operators: {groups: …} or viewers: {groups: …}",
	"emails": "write operators: {emails: …} or viewers: {emails: …}", "roles": "write operators: {groups: …} and viewers: {groups: …}, and groups_claim with the claim that names them",
	"role_claim": "write groups_claim", "roles_claim": "write groups_claim", "claim": "write groups_claim", "admins": "write operators",
	"redirect_url": "remove it: it is dashboard.url with /auth/callback behind it", "redirect_uri": "remove it: it is dashboard.url with /auth/callback behind it",
	"session": "write session_time", "session_lifetime": "write session_time", "ttl": "write session_time", "pkce": "remove it: it is always used", "nonce": "remove it: it is always used",
}

var peopleKeys = map[string]string{
	"email": "write emails", "group": "write groups", "roles": "write groups", "role": "write groups", "subject": "write subjects", "sub": "write subjects", "users": "write emails or subjects",
	"domains": "write emails: [\"*@example.com\"]", "domain": "write emails: \"*@example.com\"",
}

func (b *Dashboard) readNode(d *decoder, n *node, path string) {
	if n.kind == mapKind {
		d.fields(n, path, b)
		return
	}
	fix := "write dashboard: off, or dashboard: {listen: \":8800\"}"
	if n.kind == scalarKind {
		switch text := d.resolve(n, n.text, 0, 0); {
		case text == "off" || text == "false" && (n.bool || text != n.text):
			b.Off = true
			d.ix.set(join(path, "off"), n.pos(), n)
			return
		case slices.Contains([]string{"on", "true", "yes"}, text):
			fix = "leave it out: there is one unless dashboard: off says otherwise"
		}
	}
	d.problem(n.pos(), "dashboard must be off or a mapping, not "+n.describe(), fix)
	d.failed(path)
}

// UnmarshalJSON reads off, or a mapping.
func (b *Dashboard) UnmarshalJSON(data []byte) error { *b = Dashboard{}; return readJSON(data, b) }

// UnmarshalYAML reads off, or a mapping.
func (b *Dashboard) UnmarshalYAML(f func(any) error) error { *b = Dashboard{}; return readYAML(f, b) }
