// Package machine decides what a saga does next. It is pure: time comes in, and
// what is to be done goes out as effects, for package coordinator to carry out
// once the new state is stored.
package machine
