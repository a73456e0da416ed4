package daemon

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"path/filepath"
	"sync"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/secret"
)

// tokenSize is how many random bytes a token stands for.
const tokenSize = 32

// tokens are by what services can prove who they are: BANYAN_TOKEN. Each service
// and job has one of its own, which stays the same.
type tokens struct {
	store secret.Store

	mu    sync.Mutex
	known map[string]string
}

// newTokens keeps tokens beside the app's secrets, where `banyan secret` does not see them.
func newTokens(secrets secret.Store) *tokens {
	return &tokens{store: secret.Store{Dir: filepath.Join(secrets.Dir, "tokens"), Key: secrets.Key}, known: map[string]string{}}
}

// of returns a service's token, made when it is asked for first. One that cannot be
// decrypted, because the key is another now, is replaced: nobody needs it to start.
func (t *tokens) of(service string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if token := t.known[service]; token != "" {
		return token, nil
	}
	value, err := t.store.Get(service)
	switch fault.CodeOf(err) {
	case fault.NotFound, fault.Denied:
		b := make([]byte, tokenSize)
		_, _ = rand.Read(b) // never fails
		value = []byte(base64.RawURLEncoding.EncodeToString(b))
		err = t.store.Set(service, value)
	default:
	}
	if err != nil {
		return "", fault.New(fault.Unavailable, "the token of service %s cannot be kept: %w", service, err).At(t.store.Dir)
	}
	t.known[service] = string(value)
	return string(value), nil
}

// authentic reports whether a token is the service's.
func (t *tokens) authentic(service, token string) bool {
	right, err := t.of(service)
	return err == nil && subtle.ConstantTimeCompare([]byte(right), []byte(token)) == 1
}
