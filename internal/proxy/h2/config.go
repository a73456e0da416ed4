package h2

import "cmp"

// Config is a connection's settings. The zero value of a field is its default.
type Config struct {
	// Server is the role: this end receives requests.
	Server bool

	// ExtendedConnect (server) lets the peer ask for other protocols on a stream
	// (RFC 8441). A Head whose Method is CONNECT and that has an Upgrade, the
	// protocol, asks for that.
	ExtendedConnect bool

	// MaxStreams bounds streams at a time. A server refuses those beyond it; the
	// default is 250. A client opens no more, however many the peer allows; the
	// default is 1000.
	MaxStreams int

	// StreamWindow and ConnWindow are how many bytes of bodies the peer may send
	// before they are consumed: of one stream (1 to 2^31-1, default 256 KiB) and
	// of all together (65,535 to 2^31-1, default 1 MiB). Streams whose owner does
	// not consume hold up the others when they fill the connection's.
	StreamWindow, ConnWindow int32

	// MaxHeaderBytes bounds a list of fields: names, values, and 32 for each
	// field (RFC 9113 section 6.5.2). The default is 64 KiB. A block of more
	// than twice that in its encoded form ends the connection.
	MaxHeaderBytes int

	// MaxFrame is the largest frame's payload that is accepted, 16,384 (the
	// default) to 2^24-1. DATA is passed on as it comes, so it is no matter of
	// latency; other frames are held until they are whole.
	MaxFrame int

	// HighWater is how much output may be pending before WriteData takes no
	// more, in bytes; default 256 KiB. It may be exceeded by a frame.
	HighWater int

	// Limits bound what else a peer may do.
	Limits Limits
}

// Bound is how often something may happen: Burst times at once, and PerSecond
// times a second in the long run.
type Bound struct{ Burst, PerSecond int }

// Limits bound what costs a peer little and this end much. The defaults are far
// beyond what well-behaved peers do, busy ones included.
type Limits struct {
	// Resets bounds requests that the peer resets before their response is
	// complete. Each that completes allows one more. Default 1000, 100 a second.
	Resets Bound
	// Provoked bounds stream errors that the peer makes. Default 200, 20 a second.
	Provoked Bound
	// Settings bounds SETTINGS frames. Default 50, 1 a second.
	Settings Bound
	// Pings bounds PING frames. Each frame with content of a message, in either
	// direction, allows one more: some peers measure bandwidth with each.
	// Default 200, 5 a second.
	Pings Bound
	// Empty bounds frames that say nothing. Default 200, 10 a second.
	Empty Bound
	// Windows bounds WINDOW_UPDATE frames. Each DATA frame that is sent allows
	// four more. Default 4000, 100 a second.
	Windows Bound
	// Priorities bounds PRIORITY and PRIORITY_UPDATE frames. Each request allows two more. Default
	// 1000, 10 a second.
	Priorities Bound
	// Continuations bounds the CONTINUATION frames of a block. Default 64.
	Continuations int
	// Replies bounds pending output that the peer causes by frames that ask for
	// an answer, in bytes. Default 64 KiB.
	Replies int
	// Interim bounds the 1xx responses to a request. Default 32.
	Interim int
}

const (
	minFrame      = 1 << 14
	maxFrame      = 1<<24 - 1
	maxWindow     = 1<<31 - 1
	defaultWindow = 65535
	maxStreamID   = 1<<31 - 1
)

// withDefaults fills in what was not given and moves what is out of range into it.
func (c Config) withDefaults() Config {
	streams := 1000
	if c.Server {
		streams = 250
	}
	c.MaxStreams = cmp.Or(c.MaxStreams, streams)
	c.StreamWindow = max(1, cmp.Or(c.StreamWindow, 256<<10))
	c.ConnWindow = max(defaultWindow, cmp.Or(c.ConnWindow, 1<<20))
	c.MaxHeaderBytes = cmp.Or(c.MaxHeaderBytes, 64<<10)
	c.MaxFrame = min(maxFrame, max(minFrame, c.MaxFrame))
	c.HighWater = cmp.Or(c.HighWater, 256<<10)
	l := &c.Limits
	l.Resets = cmp.Or(l.Resets, Bound{1000, 100})
	l.Provoked = cmp.Or(l.Provoked, Bound{200, 20})
	l.Settings = cmp.Or(l.Settings, Bound{50, 1})
	l.Pings = cmp.Or(l.Pings, Bound{200, 5})
	l.Empty = cmp.Or(l.Empty, Bound{200, 10})
	l.Windows = cmp.Or(l.Windows, Bound{4000, 100})
	l.Priorities = cmp.Or(l.Priorities, Bound{1000, 10})
	l.Continuations = cmp.Or(l.Continuations, 64)
	l.Replies = cmp.Or(l.Replies, 64<<10)
	l.Interim = cmp.Or(l.Interim, 32)
	return c
}

// bucket counts events against a Bound: a leaky bucket.
type bucket struct {
	used int64 // in billionths of an event
	at   int64 // when it was last looked at, in nanoseconds
}

const event = 1_000_000_000

// take counts an event and reports whether it is within the bound.
func (b *bucket) take(bound Bound, now int64) bool {
	const hour = 3600 * event // keeps the product in range
	if passed := min(now-b.at, hour); passed > 0 {
		b.used = max(0, b.used-passed*int64(bound.PerSecond))
	}
	b.at = now
	b.used += event
	return b.used <= int64(bound.Burst)*event
}

// give allows n events more, as if that many had not been.
func (b *bucket) give(n int64) { b.used = max(0, b.used-n*event) }
