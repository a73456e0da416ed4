package signin

import (
	"net/url"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/dash/signin/signintest"
)

const redirect = "https://ops.example.com/auth/callback"

// rig is an app that people sign in to.
type rig struct {
	t        *testing.T
	idp      *signintest.Provider
	provider *Provider
}

func newRig(t *testing.T, change ...func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, idp: signintest.New(t, redirect)}
	o := Options{
		Issuer: r.idp.URL(), ClientID: signintest.ClientID, Secret: func() (string, error) { return signintest.Secret, nil },
		Scopes: []string{"email"}, GroupsClaim: "groups", Redirect: redirect, Life: time.Hour,
		Operators: People{Subjects: []string{"1"}},
	}
	for _, f := range change {
		f(&o)
	}
	r.provider = New(o)
	t.Cleanup(r.provider.Close)
	return r
}

// begin begins a sign-in and lets a person sign in at the provider.
func (r *rig) begin() (answer url.Values, ticket string) {
	r.t.Helper()
	address, ticket, err := r.provider.Begin(r.t.Context(), "/traces")
	if err != nil {
		r.t.Fatal(err)
	}
	return r.idp.SignIn(address), ticket
}

// signIn is a whole sign-in.
func (r *rig) signIn() (Person, error) {
	r.t.Helper()
	answer, ticket := r.begin()
	return r.provider.Finish(r.t.Context(), answer, ticket)
}
