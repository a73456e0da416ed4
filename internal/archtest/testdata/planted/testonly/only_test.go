// Package testonly has nothing but tests, whose comment counts
// because there is no other.
package testonly
