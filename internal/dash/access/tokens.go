package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"
)

const (
	// TokenLife is how long a token works.
	TokenLife = 10 * time.Minute
	// mostTokens are kept; the oldest gives way.
	mostTokens = 32
)

// secretBytes is how long tokens and the secrets of sessions are: too long to guess.
const secretBytes = 32

// Grant is what a token or an identity provider gives.
type Grant struct {
	Who  string `json:"who"` // for people
	Role Role   `json:"role"`
	// Subject is who that is to the identity provider; empty: a link let the browser in.
	Subject string `json:"subject,omitempty"`
	// Rules stand for those that gave the role to a subject. Under others it is over.
	Rules string `json:"rules,omitempty"`
}

// Tokens let somebody in once. They are kept in memory alone: a daemon that
// ends takes them along. It is safe for concurrent use.
type Tokens struct {
	now func() time.Time

	mu   sync.Mutex
	open map[[sha256.Size]byte]token
}

type token struct {
	Grant
	until time.Time
}

// NewTokens returns none.
func NewTokens(now func() time.Time) *Tokens {
	return &Tokens{now: now, open: map[[sha256.Size]byte]token{}}
}

// Issue makes a token and says until when it works.
func (t *Tokens) Issue(g Grant) (secret string, until time.Time) {
	secret = newSecret()
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	oldest := [sha256.Size]byte{}
	for hash, open := range t.open {
		if !open.until.After(now) {
			delete(t.open, hash)
		} else if o, ok := t.open[oldest]; !ok || open.until.Before(o.until) {
			oldest = hash
		}
	}
	if len(t.open) >= mostTokens {
		delete(t.open, oldest)
	}
	until = now.Add(TokenLife)
	t.open[sha256.Sum256([]byte(secret))] = token{g, until}
	return secret, until
}

// Take uses a token up. It reports false for one that was used, is too old, or
// was never made.
func (t *Tokens) Take(secret string) (Grant, bool) {
	hash := sha256.Sum256([]byte(secret))
	t.mu.Lock()
	defer t.mu.Unlock()
	open, ok := t.open[hash]
	delete(t.open, hash)
	return open.Grant, ok && open.until.After(t.now())
}

func newSecret() string {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // it never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
