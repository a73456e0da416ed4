package signin

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"
)

// Options say who signs in where.
type Options struct {
	// Issuer is the provider's URL, as it calls itself.
	Issuer   string `json:"issuer"`
	ClientID string `json:"client_id"`
	// Secret is the client's, asked for at each sign-in as it may change. Nil: there is
	// none, and PKCE alone ties a code to who asked for it.
	Secret func() (string, error) `json:"-"`
	// Scopes are asked for beside openid.
	Scopes []string `json:"scopes"`
	// GroupsClaim is where the provider names a person's groups. Dots lead into objects.
	GroupsClaim string `json:"groups_claim"`
	Operators   People `json:"operators"`
	Viewers     People `json:"viewers"`
	// Life is how long a session lasts at most.
	Life time.Duration `json:"life"`
	// Redirect is where the provider sends people back to.
	Redirect string `json:"redirect"`

	// Transport carries requests to the provider. Nil: the usual one.
	Transport http.RoundTripper `json:"-"`
	Now       func() time.Time  `json:"-"`
	Log       *slog.Logger      `json:"-"`
}

// People are those who have a role: any of these is enough.
type People struct {
	// Emails that the provider has verified; *@example.com is all of a domain.
	Emails   []string `json:"emails"`
	Groups   []string `json:"groups"`
	Subjects []string `json:"subjects"` // the claim sub
}

// rules stand for what decides about roles: a session that others gave is over.
func (o *Options) rules() string {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err) // it is made of texts
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}
