package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"strings"
	"time"

	"example.com/shop/contract"
)

var (
	errEmailTaken = errors.New("the e-mail address is taken")
	errNoUser     = errors.New("no such user")
)

// store keeps users and the signing key.
type store struct{ db *sql.DB }

func (s store) create(ctx context.Context, in contract.NewUser, hash string) (contract.User, error) {
	user := contract.User{ID: "usr_" + strings.ToLower(rand.Text()), Email: in.Email, Name: in.Name}
	result, err := s.db.ExecContext(ctx, `
		INSERT INTO users (id, email, name, password_hash, created_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (email) DO NOTHING`, user.ID, user.Email, user.Name, hash, time.Now().UnixMilli())
	if err != nil {
		return contract.User{}, err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return contract.User{}, errors.Join(err, errEmailTaken)
	}
	return user, nil
}

func (s store) byID(ctx context.Context, id string) (contract.User, error) {
	user, _, err := s.one(ctx, `SELECT id, email, name, password_hash FROM users WHERE id = ?`, id)
	return user, err
}

// byEmail also gives the password's hash.
func (s store) byEmail(ctx context.Context, email string) (contract.User, string, error) {
	return s.one(ctx, `SELECT id, email, name, password_hash FROM users WHERE email = ?`, email)
}

func (s store) one(ctx context.Context, query, key string) (user contract.User, hash string, err error) {
	err = s.db.QueryRowContext(ctx, query, key).Scan(&user.ID, &user.Email, &user.Name, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		err = errNoUser
	}
	return user, hash, err
}

// signingKey gives the key that is kept, or keeps the one that is offered if there is none yet.
func (s store) signingKey(ctx context.Context, offeredID string, offeredSeed []byte) (id string, seed []byte, err error) {
	_, err = s.db.ExecContext(ctx, `
		INSERT INTO signing_keys (id, seed) SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM signing_keys)`, offeredID, offeredSeed)
	if err != nil {
		return "", nil, err
	}
	err = s.db.QueryRowContext(ctx, `SELECT id, seed FROM signing_keys`).Scan(&id, &seed)
	return id, seed, err
}
