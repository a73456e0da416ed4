// Package policy stands for azcore's policy: what a token is asked for with.
package policy

// TokenRequestOptions say what a token is for.
type TokenRequestOptions struct {
	Scopes []string
}
