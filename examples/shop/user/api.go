package main

import (
	"context"
	"errors"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"example.com/shop/contract"
)

const (
	minPassword = 8   // characters
	maxPassword = 256 // bytes; bounds what is hashed
	maxName     = 100 // bytes
)

// service answers the HTTP interface of accounts.
type service struct {
	store     store
	signer    *signer
	passwords *passwords
}

func newService(ctx context.Context, store store) (*service, error) {
	signer, err := newSigner(ctx, store)
	if err != nil {
		return nil, err
	}
	return &service{store: store, signer: signer, passwords: newPasswords()}, nil
}

func (s *service) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("POST /api/users", contract.Handler(s.signUp))
	mux.Handle("POST /api/sessions", contract.Handler(s.signIn))
	mux.Handle("GET /api/users/me", contract.Handler(s.me))
	mux.Handle("GET /.well-known/jwks.json", contract.Handler(s.keys))
	return mux
}

func (s *service) signUp(w http.ResponseWriter, r *http.Request) error {
	var in contract.NewUser
	if err := contract.ReadJSON(w, r, &in); err != nil {
		return err
	}
	in.Email, in.Name = normalEmail(in.Email), strings.TrimSpace(in.Name)
	if err := validate(in); err != nil {
		return err
	}
	hash, err := s.passwords.hash(r.Context(), in.Password)
	if err != nil {
		return err
	}
	user, err := s.store.create(r.Context(), in, hash)
	if errors.Is(err, errEmailTaken) {
		return contract.NewProblem(http.StatusConflict, "email-taken", "Somebody has signed up with this e-mail address.")
	}
	if err != nil {
		return err
	}
	return contract.WriteJSON(w, http.StatusCreated, user)
}

func validate(in contract.NewUser) error {
	address, err := mail.ParseAddress(in.Email)
	switch {
	case err != nil || address.Address != in.Email || len(in.Email) > 254:
		return contract.Invalid("email is not an e-mail address.")
	case in.Name == "" || len(in.Name) > maxName:
		return contract.Invalid("name must have 1 to 100 bytes.")
	case len([]rune(in.Password)) < minPassword || len(in.Password) > maxPassword:
		return contract.Invalid("password must have at least 8 characters, and at most 256 bytes.")
	}
	return nil
}

func normalEmail(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// signIn gives the same answer, after the same work, for an unknown address as for a wrong password, so that nobody can find out
// who has an account.
func (s *service) signIn(w http.ResponseWriter, r *http.Request) error {
	var in contract.Credentials
	if err := contract.ReadJSON(w, r, &in); err != nil {
		return err
	}
	user, hash, err := s.store.byEmail(r.Context(), normalEmail(in.Email))
	if err != nil && !errors.Is(err, errNoUser) {
		return err
	}
	matches, failure := s.passwords.match(r.Context(), hash, in.Password)
	if failure != nil {
		return failure
	}
	if err != nil || !matches {
		return contract.NewProblem(http.StatusUnauthorized, "bad-credentials", "The e-mail address or the password is wrong.")
	}
	session, err := s.signer.session(user, time.Now())
	if err != nil {
		return err
	}
	return contract.WriteJSON(w, http.StatusOK, session)
}

func (s *service) me(w http.ResponseWriter, r *http.Request) error {
	caller, err := contract.CallerOf(r)
	if err != nil {
		return err
	}
	user, err := s.store.byID(r.Context(), caller.ID)
	if errors.Is(err, errNoUser) {
		return contract.NotFound("user", caller.ID)
	}
	if err != nil {
		return err
	}
	return contract.WriteJSON(w, http.StatusOK, user)
}

func (s *service) keys(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", "public, max-age=300")
	return contract.WriteJSON(w, http.StatusOK, s.signer.keySet())
}
