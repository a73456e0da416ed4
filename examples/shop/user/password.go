package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime/debug"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The parameters are the second choice of OWASP's password storage cheat sheet: 19 MiB, 2 passes, 1 lane.
const (
	memoryKiB = 19 * 1024
	passes    = 2
	lanes     = 1
	saltBytes = 16
	hashBytes = 32
)

// atOnce bounds how many passwords are hashed at one time, and with it the memory and the processor time that sign-ins can take.
const atOnce = 2

// passwords hashes passwords with argon2id.
type passwords struct {
	slots chan struct{}
	decoy string // what a password is matched with when there is no such user
}

func newPasswords() *passwords {
	salt, nothing := make([]byte, saltBytes), make([]byte, hashBytes)
	return &passwords{slots: make(chan struct{}, atOnce), decoy: encode(salt, nothing)}
}

// hash gives a password's hash in the PHC string format.
func (p *passwords) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails
	sum, err := p.sum(ctx, password, salt)
	if err != nil {
		return "", err
	}
	return encode(salt, sum), nil
}

// match tells whether the password has this hash. An empty hash costs the same time and matches nothing.
func (p *passwords) match(ctx context.Context, hash, password string) (bool, error) {
	if hash == "" {
		hash = p.decoy
	}
	salt, want, err := decode(hash)
	if err != nil {
		return false, err
	}
	got, err := p.sum(ctx, password, salt)
	return err == nil && hash != p.decoy && subtle.ConstantTimeCompare(got, want) == 1, err
}

// sum waits for its turn, then computes. What that took, 19 MiB, goes back to the system at once: left to the garbage collector,
// a few sign-ins would make this the largest service of the shop for minutes.
func (p *passwords) sum(ctx context.Context, password string, salt []byte) ([]byte, error) {
	select {
	case p.slots <- struct{}{}:
		defer func() { debug.FreeOSMemory(); <-p.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(password), salt, passes, memoryKiB, lanes, hashBytes), nil
}

var parameters = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, memoryKiB, passes, lanes)

func encode(salt, sum []byte) string {
	return parameters + base64.RawStdEncoding.EncodeToString(salt) + "$" + base64.RawStdEncoding.EncodeToString(sum)
}

func decode(hash string) (salt, sum []byte, err error) {
	rest, known := strings.CutPrefix(hash, parameters)
	encodedSalt, encodedSum, whole := strings.Cut(rest, "$")
	if !known || !whole {
		return nil, nil, fmt.Errorf("a password hash that is not of the form %s…", parameters)
	}
	if salt, err = base64.RawStdEncoding.DecodeString(encodedSalt); err != nil {
		return nil, nil, err
	}
	sum, err = base64.RawStdEncoding.DecodeString(encodedSum)
	return salt, sum, err
}
