package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.com/shop/contract"
)

const (
	issuer        = "shop"
	audience      = "shop"
	tokenLifetime = time.Hour
)

// signer signs tokens with the Ed25519 key that is kept in the database, so that they outlive a restart.
type signer struct {
	id  string
	key ed25519.PrivateKey
}

func newSigner(ctx context.Context, store store) (*signer, error) {
	fresh := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(fresh) // never fails
	id, seed, err := store.signingKey(ctx, strings.ToLower(rand.Text()), fresh)
	if err != nil {
		return nil, err
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("signing key %s has %d bytes in place of %d", id, len(seed), ed25519.SeedSize)
	}
	return &signer{id: id, key: ed25519.NewKeyFromSeed(seed)}, nil
}

// claims are what a token says: the registered claims, and who the user is.
type claims struct {
	jwt.RegisteredClaims
	Email string `json:"email"`
	Name  string `json:"name"`
}

func (s *signer) session(user contract.User, now time.Time) (contract.Session, error) {
	expires := now.Add(tokenLifetime).Truncate(time.Second).UTC()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    issuer,
			Audience:  jwt.ClaimStrings{audience},
			Subject:   user.ID,
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(expires),
		},
		Email: user.Email,
		Name:  user.Name,
	})
	token.Header["kid"] = s.id
	signed, err := token.SignedString(s.key)
	return contract.Session{Token: signed, ExpiresAt: expires}, err
}

// keySet is a JSON Web Key Set (RFC 7517) with one Ed25519 key (RFC 8037).
type keySet struct {
	Keys []publicKey `json:"keys"`
}

type publicKey struct {
	Type      string `json:"kty"`
	Curve     string `json:"crv"`
	Algorithm string `json:"alg"`
	Use       string `json:"use"`
	ID        string `json:"kid"`
	X         string `json:"x"`
}

func (s *signer) keySet() keySet {
	public, _ := s.key.Public().(ed25519.PublicKey) // which it is, crypto/ed25519 says
	return keySet{Keys: []publicKey{{
		Type: "OKP", Curve: "Ed25519", Algorithm: "EdDSA", Use: "sig", ID: s.id, X: base64.RawURLEncoding.EncodeToString(public),
	}}}
}
