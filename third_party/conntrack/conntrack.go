// Package conntrack stands for github.com/mwitkow/go-conntrack, by which
// Prometheus' HTTP client counts connections. Nothing here makes one. The original
// imports golang.org/x/net/trace and so html/template, in whose presence the linker
// keeps every method of every type.
package conntrack

import (
	"context"
	"net"
)

// DialContextFunc opens a connection.
type DialContextFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// DialerOpt is an option.
type DialerOpt struct{}

// DialWithDialContextFunc returns nothing.
func DialWithDialContextFunc(DialContextFunc) DialerOpt { return DialerOpt{} }

// DialWithTracing returns nothing.
func DialWithTracing() DialerOpt { return DialerOpt{} }

// DialWithName returns nothing.
func DialWithName(string) DialerOpt { return DialerOpt{} }

// NewDialContextFunc panics: nothing here calls it.
func NewDialContextFunc(...DialerOpt) DialContextFunc {
	panic("counting connections is not part of this program")
}
