// Package barrier holds nothing but tests: those of the recipe in docs/sagas.md by
// which a service does each step of a saga, and each undo, once. The recipe is code
// of services, in several languages; here it is run as it stands there.
package barrier
