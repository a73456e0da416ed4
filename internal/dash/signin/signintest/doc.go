// Package signintest is a strict identity provider for tests of signing in: it checks
// what OpenID Connect asks a client for, and lies where a test wants it to. Tests of
// package signin and of those that use it may use it.
//
// It promises: a request that lacks PKCE, state, nonce, the registered redirect URL or
// the client's secret fails the test or is refused, as a provider would; a code works
// once.
package signintest
