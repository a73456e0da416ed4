// Package daemon is the composition root: it builds the engines of the control
// plane, gives each the small interface that it needs, and starts, orders and
// stops them. Nothing but the program itself imports it.
//
// The daemon owns the state directory (flock). It may be killed at any moment:
// the data plane and all instances go on without it, and the next daemon adopts
// them.
package daemon
