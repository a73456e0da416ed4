// Package signin lets people sign in to the dashboard by an identity provider that
// speaks OpenID Connect: the authorization code flow with PKCE, state and nonce.
// Package dash calls it and makes a session of what it grants.
//
// It promises: nobody gets in without a role that the app file gives; a sign-in ends
// in the browser that began it, once, within minutes; what a provider says counts
// only where its signature, issuer, audience, nonce and time are right; memory is
// bounded however many people begin; no error and no log holds a token or a secret.
package signin
