// Package definition turns a saga of an app file into what package machine runs
// by, and finds mistakes in its expressions.
package definition
