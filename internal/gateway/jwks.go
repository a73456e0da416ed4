package gateway

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
)

const (
	// keysFresh is how old a key set gets before it is fetched again in the background.
	keysFresh = 5 * time.Minute
	// keysUnknown is how often, at most, an unknown key ID has the set fetched.
	keysUnknown = 5 * time.Second
	// keysRetry is how often, at most, a set that was never had is asked for.
	keysRetry = time.Second
	// keysTimeout bounds one fetch.
	keysTimeout = 5 * time.Second
	// keysMax bounds a set's text, in bytes.
	keysMax = 1 << 20
	// minRSA is the smallest modulus that is accepted, in bits (RFC 7518, 3.3).
	minRSA = 2048
)

// verifyKey is one public key of a set.
type verifyKey struct {
	id  string
	alg string // "": any that its type allows
	pub any    // ed25519.PublicKey, *ecdsa.PublicKey, *rsa.PublicKey
}

// fits reports whether tokens of algorithm alg may be verified with the key:
// the type decides, never the token, so a public key is never used as an HMAC secret.
func (k *verifyKey) fits(alg string) bool {
	if k.alg != "" && k.alg != alg {
		return false
	}
	switch pub := k.pub.(type) {
	case ed25519.PublicKey:
		return alg == "EdDSA" || alg == "Ed25519"
	case *ecdsa.PublicKey:
		return map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[pub.Curve.Params().BitSize] == alg
	case *rsa.PublicKey:
		return slices.Contains([]string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, alg)
	}
	return false
}

// keySet is a JWKS that is fetched when it is first needed, kept fresh in the
// background, and kept as it is while it cannot be fetched.
type keySet struct {
	url    string
	client *http.Client
	now    func() time.Time
	report func(error) // a fetch failed; nil: one succeeded after failures

	ctx  context.Context
	stop context.CancelFunc
	wait sync.WaitGroup

	mu      sync.Mutex
	keys    []verifyKey
	loaded  bool
	fetched time.Time
	asked   time.Time
	failed  error
	running chan struct{} // closed when the fetch under way ends
}

func newKeySet(url string, client *http.Client, now func() time.Time, report func(error)) *keySet {
	ctx, stop := context.WithCancel(context.Background())
	return &keySet{url: url, client: client, now: now, report: report, ctx: ctx, stop: stop}
}

func (s *keySet) close() {
	s.mu.Lock()
	s.stop()
	s.mu.Unlock()
	s.wait.Wait()
}

// find returns the keys for a token of alg with the key ID id ("": it names
// none). It waits for a fetch only where there is no set yet or id is unknown.
func (s *keySet) find(ctx context.Context, id, alg string) ([]verifyKey, error) {
	for again := false; ; again = true {
		s.mu.Lock()
		found := s.pick(id, alg)
		loaded, failed := s.loaded, s.failed
		var fetch chan struct{}
		now := s.now()
		switch {
		case !loaded:
			fetch = s.fetch(now, keysRetry)
		case len(found) == 0:
			fetch = s.fetch(now, keysUnknown)
		case now.Sub(s.fetched) > keysFresh:
			s.fetch(now, keysUnknown)
		}
		s.mu.Unlock()
		if len(found) > 0 {
			return found, nil
		}
		if fetch == nil || again {
			if !loaded {
				return nil, errors.Join(ErrUnavailable, failed)
			}
			return nil, nil
		}
		select {
		case <-fetch:
		case <-ctx.Done():
			return nil, errors.Join(ErrUnavailable, ctx.Err())
		}
	}
}

func (s *keySet) pick(id, alg string) []verifyKey {
	var found []verifyKey
	for _, k := range s.keys {
		if (id == "" || k.id == id) && k.fits(alg) {
			found = append(found, k)
		}
	}
	return found
}

// fetch starts a fetch unless one runs or the last was less than pause ago. It
// returns what to wait for; nil: nothing comes. s.mu is held.
func (s *keySet) fetch(now time.Time, pause time.Duration) chan struct{} {
	if s.running != nil {
		return s.running
	}
	if s.ctx.Err() != nil || !s.asked.IsZero() && now.Sub(s.asked) < pause {
		return nil
	}
	s.asked = now
	done := make(chan struct{})
	s.running = done
	s.wait.Go(func() {
		keys, err := s.download()
		s.mu.Lock()
		defer s.mu.Unlock()
		if err == nil {
			s.keys, s.loaded, s.fetched = keys, true, s.now()
		}
		if err != nil || s.failed != nil {
			s.report(err)
		}
		s.failed, s.running = err, nil
		close(done)
	})
	return done
}

func (s *keySet) download() ([]verifyKey, error) {
	ctx, cancel := context.WithTimeout(s.ctx, keysTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, fmt.Errorf("jwks: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("jwks: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, keysMax+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("jwks: %w", err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("jwks: %s answers %s", s.url, resp.Status)
	case len(body) > keysMax:
		return nil, fmt.Errorf("jwks: %s sends more than %d bytes", s.url, keysMax)
	}
	return parseKeys(body)
}

// parseKeys takes the keys of a set that can verify signatures; others
// (symmetric ones, ones for encryption, kinds that are not known) are left out.
func parseKeys(body []byte) ([]verifyKey, error) {
	set, err := jwk.Parse(body, jwk.WithIgnoreParseError(true))
	if err != nil {
		return nil, fmt.Errorf("jwks: %w", err)
	}
	var keys []verifyKey
	for i := range set.Len() {
		k, ok := set.Key(i)
		if !ok {
			continue
		}
		if v, ok := verifyKeyOf(k); ok {
			keys = append(keys, v)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("jwks: no key in it can verify signatures")
	}
	return keys, nil
}

func verifyKeyOf(k jwk.Key) (verifyKey, bool) {
	if use, ok := k.KeyUsage(); ok && use != "sig" {
		return verifyKey{}, false
	}
	if ops, ok := k.KeyOps(); ok && len(ops) > 0 && !slices.Contains(ops, jwk.KeyOpVerify) {
		return verifyKey{}, false
	}
	var v verifyKey
	v.id, _ = k.KeyID()
	if alg, ok := k.Algorithm(); ok {
		v.alg = alg.String()
	}
	pub, err := jwk.PublicRawKeyOf(k)
	if err != nil {
		return verifyKey{}, false
	}
	switch p := pub.(type) {
	case ed25519.PublicKey, *ecdsa.PublicKey:
		v.pub = p
	case *rsa.PublicKey:
		if p.N.BitLen() < minRSA {
			return verifyKey{}, false
		}
		v.pub = p
	default:
		return verifyKey{}, false
	}
	return v, true
}
