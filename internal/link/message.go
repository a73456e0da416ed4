// Package link is the connection between the daemon and the data plane: a unix
// stream socket on which both send length-prefixed JSON messages, listening
// sockets riding along as SCM_RIGHTS. The data plane listens, the daemon
// dials; both check that the peer is the same user (SO_PEERCRED).
//
// The daemon holds every listening socket and never accepts on it; the data
// plane holds them too and accepts. When either dies the other still has them,
// so no address is ever closed while the app is up: a new data plane is sent
// them by the daemon, a new daemon is sent them by the data plane.
//
// Snapshots come in parts that say what has changed (see [Part]), so that a large
// one is read beside requests that are being served. Either side may be an older
// program than the other: fields that one does not know it leaves out, and what
// only a newer data plane can take, its Welcome says.
package link

import (
	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/route"
)

// Message is what either side sends; exactly one field is set.
type Message struct {
	// From the data plane, first: what it holds. Its sockets follow in Sockets
	// messages. A link that is replaced by a newer one is closed without a word.
	Welcome *Welcome `json:"welcome,omitempty"`
	// From the daemon, after Welcome and the sockets: who it is.
	Hello *Hello `json:"hello,omitempty"`
	// Either way: listening sockets, one descriptor for each ID, at most MaxSockets.
	Sockets *Sockets `json:"sockets,omitempty"`
	// From the daemon: the snapshot to apply, once its sockets have been sent.
	Snapshot *route.Snapshot `json:"snapshot,omitempty"`
	// From the daemon, in its place where Welcome.Parts is set: a part of it.
	Part *Part `json:"part,omitempty"`
	// From the data plane: a snapshot is in force, or why not.
	Ack *Ack `json:"ack,omitempty"`
	// From the data plane: instances that are in no snapshot any more have
	// nothing in flight. Sent once for each removal, after its Ack. Those that
	// had nothing in flight at the Ack are not in Ack.Draining and get no Drained.
	Drained *Drained `json:"drained,omitempty"`
	// From the daemon every second; the data plane answers with Pong at once.
	Ping *Ping `json:"ping,omitempty"`
	Pong *Pong `json:"pong,omitempty"`
	// From the data plane: something a person should see.
	Event *Event `json:"event,omitempty"`
	// From the daemon: what was counted is wanted. A data plane that is too old for it says nothing.
	StatsRequest *StatsRequest `json:"stats_request,omitempty"`
	// From the data plane: the answer, in parts of at most MaxEdges edges.
	Stats *Stats `json:"stats,omitempty"`
	// From the daemon: spans are wanted. A data plane that is too old for it says nothing.
	SpansRequest *SpansRequest `json:"spans_request,omitempty"`
	// From the data plane: some of them; never without a SpansRequest.
	Spans *Spans `json:"spans,omitempty"`
	// From the daemon: it is about to close the link on purpose.
	Bye *Bye `json:"bye,omitempty"`
}

// MaxSockets bounds the descriptors in one message; the kernel's limit is 253.
const MaxSockets = 200

// Welcome says what the data plane has.
type Welcome struct {
	PID     int           `json:"pid"`
	Binary  string        `json:"binary"` // version of the program
	Version route.Version `json:"version"`
	// Sockets is how many descriptors follow in Sockets messages.
	Sockets int `json:"sockets"`
	// Draining are instances in no snapshot that still have requests in flight.
	Draining []string `json:"draining,omitempty"`
	// Parts: it takes snapshots in parts, too.
	Parts bool `json:"parts,omitempty"`
}

// Hello names the daemon. Restart is how the data plane starts a daemon that
// went away without Bye: argv of a program that detaches by itself.
type Hello struct {
	PID     int      `json:"pid"`
	Restart []string `json:"restart"`
}

// Sockets names the listeners whose descriptors ride along, in order.
type Sockets struct {
	IDs []string `json:"ids"`
}

// Ack answers a Snapshot, or the last Part of one. With Error the snapshot before
// it stays in force.
type Ack struct {
	Version route.Version `json:"version"`
	Error   string        `json:"error,omitempty"`
	// Again: the parts did not fit, and the whole snapshot is wanted.
	Again bool `json:"again,omitempty"`
	// Draining are instances in no snapshot that still have requests in
	// flight. Every other instance that is not in the snapshot is drained,
	// also those that the data plane never saw: snapshots may be skipped.
	Draining []string `json:"draining,omitempty"`
}

// Drained names instances without requests in flight.
type Drained struct {
	Instances []string `json:"instances"`
}

// Ping and Pong show that the other side lives and works.
type Ping struct {
	Seq uint64 `json:"seq"`
}

// Pong answers the Ping of the same Seq, with what is in flight.
type Pong struct {
	Seq      uint64 `json:"seq"`
	InFlight int    `json:"in_flight"`
}

// StatsRequest asks for what the data plane has counted.
type StatsRequest struct {
	Seq uint64 `json:"seq"`
}

// MaxEdges bounds the edges in one Stats message.
const MaxEdges = 200

// Stats answers the StatsRequest of the same Seq, or is a part of the answer.
type Stats struct {
	Seq uint64 `json:"seq"`
	// More parts follow: their edges belong behind this one's.
	More bool `json:"more,omitempty"`
	account.Snapshot
}

// SpansRequest lets the data plane send so many Spans more. As the daemon asks for
// few at a time, and again when it has taken them, spans never fill the socket: what
// else has to be said is not held up, even if the daemon stands still.
type SpansRequest struct {
	Messages int `json:"messages"`
}

// Spans are spans of requests that have ended, as account.Encoder writes them: 60 to
// 120 bytes each, which base64 makes a third more.
type Spans struct {
	Data []byte `json:"data"`
}

// Event is a fact for people: an instance ejected or back, a breaker opened or
// closed, a call refused (counted, at most one event a second for each pair), a key set
// that cannot be fetched. The keeper adds snapshot-refused.
type Event struct {
	Kind     string `json:"kind"` // ejected, restored, breaker-open, breaker-closed, refused, unmirrored, jwks, certificate
	Caller   string `json:"caller,omitempty"`
	Service  string `json:"service,omitempty"`
	Instance string `json:"instance,omitempty"`
	Detail   string `json:"detail,omitempty"`
	Count    int    `json:"count,omitempty"`
}

// Bye tells the data plane that the daemon leaves. Shutdown: finish what is in
// flight (at most DrainSeconds) and exit. Otherwise: stay, and do not start another daemon.
type Bye struct {
	Shutdown     bool `json:"shutdown"`
	DrainSeconds int  `json:"drain_seconds,omitempty"`
}
