package contract

import "net/http"

// Caller is the signed-in user on whose behalf a request comes.
type Caller struct{ ID, Email string }

// CallerOf tells who is asking. The gateway verifies the token, strips what clients send in these headers and sets its own, so a
// service may believe them.
func CallerOf(r *http.Request) (Caller, error) {
	caller := Caller{ID: r.Header.Get("X-User-Id"), Email: r.Header.Get("X-User-Email")}
	if caller.ID == "" {
		return Caller{}, NewProblem(http.StatusUnauthorized, "not-signed-in", "Sign in first.")
	}
	return caller, nil
}
